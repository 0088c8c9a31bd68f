"""A device at the far end of a pseudo-terminal: prints its name, then speaks as it is told.

``stream`` says its lines again and again; ``halves`` does, and takes breath within them; ``answer`` says them when it hears a line that is its
question; ``mute`` says nothing; ``leave`` hangs up when it is first spoken to.
"""

import os
import select
import sys
import time
import tty


def main(mode: str, lines: bytes, question: bytes = b"") -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    sys.stdout.write(os.ttyname(slave) + "\n")
    sys.stdout.flush()
    heard = b""
    while True:
        if mode == "stream":
            if select.select([], [master], [], 0.1)[1]:
                os.write(master, lines)
            time.sleep(0.02)
            continue
        if mode == "halves":
            for half in (lines[:3], lines[3:]):
                os.write(master, half)
                time.sleep(0.05)
            continue
        heard += os.read(master, 100)
        if mode == "leave":
            os.close(slave)
            return
        if mode == "answer" and heard.endswith(question):
            heard = b""
            os.write(master, lines)


main(sys.argv[1], *(bytes.fromhex(each) for each in sys.argv[2:]))
