"""Feishu's frames, against bytes that its own SDK (lark-oapi 1.7.5) wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.replies.frames import CONTROL, DATA, Frame, decode, encode

SERVICE = 33554678
WRITTEN = {
    "0800100018f681801020002a0c0a0474797065120470696e67": Frame(
        service=SERVICE, method=CONTROL, headers={"type": "ping"}
    ),
    "0801108797ede1eac5d98b6418f681801020012a0d0a047479706512056576656e742a320a0a6d6573736167655f69"
    "64122464376263306233662d316632652d346335642d396538662d3061316232633364346535662a080a0373756d12"
    "01312a080a037365711201302a0f0a0874726163655f69641203742d313204677a69703a0178421f7b22736368656d"
    "61223a22322e30222c22e69687223a22e694b6e588b0227d4a03616263": Frame(
        service=SERVICE,
        method=DATA,
        seq=1,
        log=7212345678901234567,
        headers={
            "type": "event",
            "message_id": "d7bc0b3f-1f2e-4c5d-9e8f-0a1b2c3d4e5f",
            "sum": "1",
            "seq": "0",
            "trace_id": "t-1",
        },
        payload='{"schema":"2.0","文":"收到"}'.encode(),
        encoding="gzip",
        type="x",
        log_new="abc",
    ),
    "0800100018ffffffffffffffffff012001": Frame(service=-1, method=DATA),
}


@pytest.mark.parametrize(("written", "frame"), WRITTEN.items())
def test_bytes_of_the_sdk_are_read_and_written_alike(written, frame):
    assert decode(bytes.fromhex(written)) == frame
    assert encode(frame).hex() == written


@given(
    st.builds(
        Frame,
        service=st.integers(-(2**31), 2**31 - 1),
        method=st.integers(0, 5),
        seq=st.integers(0, 2**64 - 1),
        log=st.integers(0, 2**64 - 1),
        headers=st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=5),
        payload=st.binary(max_size=300),
        encoding=st.text(max_size=5),
        type=st.text(max_size=5),
        log_new=st.text(max_size=5),
    )
)
def test_a_frame_goes_there_and_back(frame):
    assert decode(encode(frame)) == frame


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_a_value_error(data):
    try:
        decode(data)
    except ValueError:
        pass
