#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gemini_gateway::fuzz::chat_request(data));
