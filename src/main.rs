//! The gemini-gateway program.

fn main() {}
