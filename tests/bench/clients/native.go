// Events by Go, as one writes that: encoding/json into a buffered connection.
//
//	native <port> <mode> <count>
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"time"
)

const bufferBytes = 64 * 1024

type params struct {
	IP string `json:"ip"`
}

type event struct {
	ID      *int   `json:"id"`
	Version string `json:"jsonrpc"`
	Method  string `json:"method"`
	Params  params `json:"params"`
}

var highWaterMark = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the largest resident memory as a member of the result, or nothing
// where /proc does not tell.
func peak() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return ""
	}
	match := highWaterMark.FindSubmatch(status)
	if match == nil {
		return ""
	}
	kib, err := strconv.Atoi(string(match[1]))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(",\"peakBytes\":%d", kib*1024)
}

func run(port string, count int) error {
	conn, err := net.Dial("tcp", "127.0.0.1:"+port) // TCP_NODELAY by default
	if err != nil {
		return err
	}
	start := time.Now()
	writer := bufio.NewWriterSize(conn, bufferBytes)
	for i := 0; i < count; i++ {
		message, err := json.Marshal(event{
			Version: "2.0",
			Method:  "E_PIKE_BLOCKED",
			Params:  params{IP: "192.168.2.11"},
		})
		if err != nil {
			return err
		}
		if _, err := writer.Write(message); err != nil {
			return err
		}
	}
	if err := writer.Flush(); err != nil {
		return err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	// The server ends the connection when it has read everything.
	if _, err := io.Copy(io.Discard, conn); err != nil {
		return err
	}
	seconds := time.Since(start).Seconds()
	fmt.Printf("{\"seconds\":%.9f,\"sent\":%d,\"failed\":0%s}\n",
		seconds, count, peak())
	return nil
}

func main() {
	count, err := strconv.Atoi(os.Args[3])
	if err == nil {
		err = run(os.Args[1], count)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
