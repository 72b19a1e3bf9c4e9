#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gemini_gateway::fuzz::tool_calls(data));
