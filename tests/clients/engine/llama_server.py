"""llama.cpp's own HTTP server, started from the library that xllamacpp ships, with the few options these tests use.

    python llama_server.py -m FILE [--alias NAME] [--host ADDRESS] [--port PORT] [-c TOKENS] [-np SLOTS] [-t THREADS]
                           [--no-cache-prompt]

The options are spelled as `llama-server` spells them, and LLAMA_API_KEY is its variable; one it does not know ends the
program. A machine that has llama-server runs the tests with that: LLAMA_SERVER=/path/to/llama-server.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys

import xllamacpp


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="llama-server", allow_abbrev=False)
    parser.add_argument("-m", "--model", required=True)
    parser.add_argument("-a", "--alias")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("-c", "--ctx-size", type=int, default=0)
    parser.add_argument("-np", "--parallel", type=int, default=1)
    parser.add_argument("-t", "--threads", type=int)
    parser.add_argument("--no-cache-prompt", action="store_true")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    # Before the server's threads start, so that the signal comes to sigwait and to none of them.
    stops = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    params = xllamacpp.CommonParams()
    params.model.path = given.model
    if given.alias:
        params.model_alias = {given.alias}
    params.hostnames = [given.host]
    params.port = given.port
    params.n_ctx = given.ctx_size
    params.n_parallel = given.parallel
    params.cache_prompt = not given.no_cache_prompt
    params.endpoint_slots = True
    if given.threads:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = given.threads
    if key := os.environ.get("LLAMA_API_KEY"):
        params.api_keys = key.split(",")
    server = xllamacpp.Server(params)
    print(f"listening on {server.listening_address}", file=sys.stderr, flush=True)
    signal.sigwait(stops)


if __name__ == "__main__":
    main()
