//! What the library exports.

#[no_mangle]
pub extern "C" fn add(a: i32, b: i32) -> i32 {
    a.wrapping_add(b)
}

/// The greatest common divisor; 0 when both are 0.
#[no_mangle]
pub extern "C" fn gcd(a: u32, b: u32) -> u32 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The n-th Fibonacci number, modulo 2^64; the first ones are 0 and 1.
#[no_mangle]
pub extern "C" fn fibonacci(n: u32) -> u64 {
    let (mut current, mut next) = (0u64, 1u64);
    for _ in 0..n {
        (current, next) = (next, current.wrapping_add(next));
    }
    current
}
