"""What a broker's refusal means for the one who must mend it, by reason code of MQTT 5 (2.4).

paho gives the return codes of 3.1.1 as these too, so both versions speak alike.
"""

NOBODY = 0x10  # no matching subscribers: a success, but nobody heard it
FAILURE = UNSPECIFIED = 0x80
UNSUPPORTED_VERSION = 0x84
TAKEN_OVER = 0x8E

_TEXTS = {
    0x84: "it does not speak this version of MQTT; write protocol = \"auto\" in [mqtt]",
    0x85: "it does not take our client id, which is the device's name; see its rules for ids",
    0x86: "user name or password is wrong; see user and password in [mqtt]",
    0x87: "not authorised: user name, password or client certificate is wrong, or nobody has let "
    "this device in yet; see [mqtt] here and the device's role on the broker",
    0x88: "it is not available now",
    0x89: "it is busy",
    0x8A: "this device is banned; ask the broker's owner",
    0x8B: "it shuts down",
    0x8D: "it has not heard from us for the keep-alive",
    0x8E: "another client has connected under our name; no two boxes may share device or a copied "
    "card",
    0x93: "we sent more at once than it takes; make window in [mqtt] smaller",
    0x95: "a message was too large for it; raise its limit",
    0x97: "its quota for us is used up",
    0x98: "its owner has put this device out",
    0x9F: "it takes no more connections at the moment",
}  # fmt: skip
_PUBLISHING = {
    NOBODY: "nobody listens to it; is the server connected to this broker?",
    0x87: "the device may not publish under its name; see its role on the broker",
    0x95: _TEXTS[0x95],
    0x97: _TEXTS[0x97],
}


def of_connecting(code: int, name: str) -> str:
    """A CONNACK that refuses."""
    return f"the broker refuses: {_TEXTS.get(code, name)}"


def of_listening(code: int, name: str, topic: str) -> str:
    """A SUBACK that refuses."""
    why = name if code not in (FAILURE, 0x87) else "not authorised"
    return (
        f"the broker refuses to let us listen to {topic}: {why}; "
        "see the device's role on the broker"
    )


def of_publishing(code: int, name: str) -> str:
    """A PUBACK that does not say success."""
    return f"the broker does not pass on what we send: {_PUBLISHING.get(code, name)}"


def of_ending(code: int, name: str) -> str:
    """A DISCONNECT by the broker."""
    return f"the broker ended the connection: {_TEXTS.get(code, name)}"
