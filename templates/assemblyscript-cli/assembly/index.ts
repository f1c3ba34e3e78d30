const args = process.argv;
if (args.length > 2) {
  process.stderr.write("usage: {{name}} [NAME | -]\n"); // console.error of the shim writes to stdout
  process.exit(2);
}
const name = args.length == 2 ? args[1] : "world";
if (name == "-") {
  greetLines();
} else {
  greet(name);
}

function greet(name: string): void {
  console.log("Hello, " + name + ", from WebAssembly!");
}

/** Greets each line of standard input. */
function greetLines(): void {
  const lines = readAll().split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i].trimEnd();
    if (line.length > 0) greet(line);
  }
}

function readAll(): string {
  const chunk = new ArrayBuffer(4096);
  const all = new Array<u8>();
  for (let read = process.stdin.read(chunk); read > 0; read = process.stdin.read(chunk)) {
    const bytes = Uint8Array.wrap(chunk, 0, <i32>read);
    for (let i = 0; i < bytes.length; i++) all.push(bytes[i]);
  }
  return String.UTF8.decodeUnsafe(all.dataStart, all.length);
}
