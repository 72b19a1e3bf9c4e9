"""What the owner is told before anything is created, and after all is done."""

from __future__ import annotations

RISKS = (
    "Google does not offer this access. The program signs in with the cookies of your own browser session. From a "
    "data centre's address this may end the session, and Google may restrict the account. Use no account that you "
    "cannot lose.",
    "Hugging Face pauses Spaces that look like proxies to another service, and may lock the account they belong to, "
    "paid or not. Nothing here hides what the program is. Keep whatever you cannot lose outside the Space.",
    "Cost: creating a Docker Space takes a paid plan: PRO for a person, Team or Enterprise for an organisation. The "
    "hardware used here (cpu-basic) then costs nothing more. It sleeps after 48 hours without a visitor.",
)

VISIBILITIES = {
    "private": (
        "Only you (in an organisation: its members) and your tokens reach the program. Everybody else gets a 404 "
        "from Hugging Face. Every request has to carry two headers:\n"
        "    Authorization: Bearer <API_KEY>                for the gateway\n"
        "    X-HF-Authorization: Bearer <hf_ read token>    for Hugging Face, which removes it\n"
        "A client that cannot send the second header works only if the Space knows a token of yours: see "
        "SPACE_HF_TOKEN in the README."
    ),
    "protected": (
        "The files stay private, but anybody on the internet reaches the program and may try keys. Your API_KEY is "
        "the only lock. Every client works, with one header:\n"
        "    Authorization: Bearer <API_KEY>"
    ),
}

NO_BUCKET = (
    "No storage bucket is used. Google renews the second cookie every few minutes, and this Space forgets the renewed "
    "one whenever it restarts: then it starts again with the values you set here, which may be too old by then, and "
    "you have to give new cookies. `--bucket OWNER/NAME` keeps the renewed cookie in a private bucket."
)

BUCKET = (
    "The renewed cookie is kept in the bucket {bucket}, which is mounted at /data. Whoever can read the bucket can use "
    "your Gemini session: keep it private. The platform writes to it some seconds after the program does, so a crash "
    "can lose the last renewal; then the one before it is tried, and then the values you set here."
)

SPACE_TOKEN = (
    "The Space is given no Hugging Face token. HF_TOKEN is for this command; it can change your Spaces, so it is never "
    "put into one. (The proof at the end shows it to the Space's edge, in the header that the edge keeps to itself.) "
    "If a client of yours can send only one header to a private Space, export a second token that can only read this "
    "Space as SPACE_HF_TOKEN, and run `secrets`."
)


def closing(origin: str, visibility: str) -> list[str]:
    """What the owner needs to use it. Only addresses that were just read."""
    lines = [f"Base URL for OpenAI clients: {origin}/v1", "Every request: Authorization: Bearer <API_KEY>"]
    if visibility == "private":
        lines.append("and, because the Space is private: X-HF-Authorization: Bearer <a Hub token that may read it>")
    return [*lines, "`rotate-keys` changes the key, `pause` stops the Space, `delete` removes it."]
