"""One module per provider SDK, and nobody else imports that SDK; models are opened by name (`autorater.model`).

All adapters build the wire request themselves, as plain JSON with each picture's base64 made once, and hand it to the
SDK's `create()` as its extra body: the SDK keeps the address, the key, the transport and the errors, and its walk over
the request (more than half of the CPU time of a call) is saved. They take the raw response and read it themselves, so
that an answer that does not fit loses neither its usage nor its text.
"""
