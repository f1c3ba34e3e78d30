const std = @import("std");
const Io = std.Io;

/// 0 when the greetings arrived, 1 when they could not be written, 2 for a wrong call.
pub fn main(init: std.process.Init) !u8 {
    const args = try init.minimal.args.toSlice(init.arena.allocator());
    if (args.len > 2) {
        std.debug.print("usage: {{name}} [NAME | -]\n", .{});
        return 2;
    }
    var buffer: [4096]u8 = undefined;
    var file: Io.File.Writer = .init(.stdout(), init.io, &buffer);
    const out = &file.interface;

    const name = if (args.len == 2) args[1] else "world";
    if (std.mem.eql(u8, name, "-")) {
        try greetLines(init.io, out);
    } else {
        try greet(out, name);
    }
    try out.flush();
    return 0;
}

fn greet(out: *Io.Writer, name: []const u8) !void {
    try out.print("Hello, {s}, from WebAssembly!\n", .{name});
}

/// Greets each line of standard input.
fn greetLines(io: Io, out: *Io.Writer) !void {
    var buffer: [4096]u8 = undefined;
    var file: Io.File.Reader = .init(.stdin(), io, &buffer);
    while (try file.interface.takeDelimiter('\n')) |line| {
        try greet(out, std.mem.trimEnd(u8, line, "\r"));
    }
}
