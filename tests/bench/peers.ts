// The packages that are measured beside this project. Only here are they named,
// as values: a literal in an import would have them in deno.lock.

/** By name, the pinned specifier. */
export const SPECIFIERS = {
  "json-rpc-client": "npm:json-rpc-client@0.2.2",
  "json-rpc2": "npm:json-rpc2@2.0.0",
  "json-rpc-2.0": "npm:json-rpc-2.0@1.8.1",
  "vscode-jsonrpc": "npm:vscode-jsonrpc@10.0.0/node",
  "jayson": "npm:jayson@5.0.0",
};
