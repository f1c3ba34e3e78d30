use std::io::{self, BufRead, Write};
use std::process::ExitCode;

fn greet(out: &mut impl Write, name: &str) -> io::Result<()> {
    writeln!(out, "Hello, {name}, from WebAssembly!")
}

/// Greets each line of standard input.
fn greet_lines(out: &mut impl Write) -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        greet(out, &line?)?;
    }
    Ok(())
}

/// 0 when the greetings arrived, 1 when they could not be written, 2 for a wrong call.
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = io::stdout().lock();
    let result = match arguments.as_slice() {
        [] => greet(&mut out, "world"),
        [dash] if dash == "-" => greet_lines(&mut out),
        [name] => greet(&mut out, name),
        _ => {
            eprintln!("usage: {{name}} [NAME | -]");
            return ExitCode::from(2);
        }
    };
    match result.and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{{name}}: {error}");
            ExitCode::FAILURE
        }
    }
}
