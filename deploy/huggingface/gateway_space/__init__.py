"""Takes the gateway to a Space of its owner's on Hugging Face, and proves that it works there.

The rooms, and the one thing each knows:

- `cli`: arguments, and what becomes of a failure. `steps`: the verbs, in terms of all below.
- `words`: what the owner is told before anything happens. `console`: how anything is told, and what never is.
- `credentials`: the owner's secrets, from the environment or a hidden prompt.
- `hub`: the only door to the official client; `wire`: the patience of its connections; `account`: whose token it is.
- `upload`: which files the image needs. `vault`: which secrets the Space needs. `stages`: what the Space is doing.
- `probe`: requests to the running Space; `verify`: what they prove.
"""
