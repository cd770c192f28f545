// How long it takes to import the module, in a process that has done nothing.

const start = performance.now();
await import("../../../mod.ts");
console.log(JSON.stringify({ ms: performance.now() - start }));
