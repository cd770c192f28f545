// Imports a package, to have it in Deno's cache, or to see that it is there.

await import(Deno.args[0]);
Deno.exit(); // some keep the process alive
