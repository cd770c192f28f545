// Events by Go, as one writes that: encoding/json into a buffered connection.
//
//	native <port> <mode> <shape> <count>
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
	"syscall"
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

// cpuMicros is the processor time so far, user and system.
func cpuMicros() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	nanos := usage.Utime.Nano() + usage.Stime.Nano()
	return nanos / 1000
}

func run(port string, count int) error {
	conn, err := net.Dial("tcp", "127.0.0.1:"+port) // TCP_NODELAY by default
	if err != nil {
		return err
	}
	start, cpu := time.Now(), cpuMicros()
	writer := bufio.NewWriterSize(conn, bufferBytes)
	for i := 0; i < count; i++ {
		message, err := json.Marshal(event{
			Version: "2.0",
			Method:  "E_PIKE_BLOCKED",
			Params:  params{IP: fmt.Sprintf("192.168.%d.%d", i>>8&15, i&255)},
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
	fmt.Printf("{\"seconds\":%.9f,\"cpuMicros\":%d,\"sent\":%d,"+
		"\"delivered\":%d,\"refused\":0,\"late\":0,\"failed\":0%s}\n",
		seconds, cpuMicros()-cpu, count, count, peak())
	return nil
}

func main() {
	count, err := strconv.Atoi(os.Args[4])
	if err == nil {
		err = run(os.Args[1], count)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
