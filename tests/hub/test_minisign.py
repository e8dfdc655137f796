"""Keys and signatures, against files that minisign 0.11 wrote."""

from base64 import b64decode, b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub import minisign
from seisbench_lcl.hub.minisign import PublicKey, SecretKey

CONTENT = b'{"schema_version": 1, "weights": {}}\n'
PUBLIC = "RWSGnJBeLNsWVLnpFiCPP5npnCRvQt9+Nk5kTC15JwlKqWy9WRHDRQsk"
SECRET = """untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAhpyQXizbFlQk0zVQYtUCYDxBS7BgQdli6wFJ5go8r+v/Z7o\
jq2BN/7npFiCPP5npnCRvQt9+Nk5kTC15JwlKqWy9WRHDRQskAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
"""  # made for this test with minisign -G -W; it signs nothing else
SIGNATURE = """untrusted comment: signature from minisign secret key
RUSGnJBeLNsWVIzsrctgVJlVLyHA1C6W6sJdLnK+oDk9bNwqnuigaDjyy+u8ur3g8Er5i0pSvjC5dWh4mv25pGXEWb6S+FAXVwo=
trusted comment: timestamp:1796072561\tfile:reg.json\thashed
SpCHXejfUkcbi9NJG5YcMPQ7K/Od4FuqTHb3nqyG/YcbtJlvxsVikMjO6wwaXYipptULOv2X/dLQusbAo45jCg==
"""
CHEAP = {"operations": 32768, "memory": 1 << 20}  # a guess at the password takes milliseconds


def test_files_of_minisign() -> None:
    public, secret = PublicKey.parse(PUBLIC), SecretKey.parse(SECRET)
    assert (secret.public, str(public), public.name) == (public, PUBLIC, "5416DB2C5E909C86")
    assert public.check(CONTENT, SIGNATURE) == "timestamp:1796072561\tfile:reg.json\thashed"
    # Ed25519 has one signature for a message, so that ours must be theirs, but for the first comment
    ours = secret.sign(CONTENT, "timestamp:1796072561\tfile:reg.json\thashed")
    assert ours.splitlines()[1:] == SIGNATURE.splitlines()[1:]
    assert PublicKey.parse(public.to_text()) == public


def test_a_password() -> None:
    key = SecretKey.new()
    text = key.to_text("geheim", **CHEAP)
    assert SecretKey.is_encrypted(text)
    assert not SecretKey.is_encrypted(key.to_text())
    assert SecretKey.parse(text, "geheim") == SecretKey.parse(key.to_text()) == key
    with pytest.raises(HubError, match="the password is wrong"):
        SecretKey.parse(text, "Geheim")


def test_the_cost_of_a_password_is_that_of_libsodium(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its function pickparams chooses N = 2^20, r = 8, p = 1 for what minisign asks; N = 2^10 for the least."""
    chosen = []

    def scrypt(password: bytes, *, n: int, r: int, p: int, **kwargs: object) -> bytes:
        chosen.append((n, r, p))
        return bytes(104)

    monkeypatch.setattr(minisign, "scrypt", scrypt)
    SecretKey.new().to_text("x")
    SecretKey.new().to_text("x", operations=1, memory=1 << 24)
    SecretKey.new().to_text("x", operations=1 << 25, memory=1 << 20)
    assert chosen == [(1 << 20, 8, 1), (1 << 10, 8, 1), (1 << 10, 8, 1024)]


@settings(max_examples=60)
@given(line=st.integers(1, 3), place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_bit_of_a_signature_can_change(line: int, place: int, bit: int) -> None:
    lines = SIGNATURE.splitlines()
    text = line == 2
    data = bytearray(lines[2].removeprefix("trusted comment: ").encode() if text else b64decode(lines[line]))
    data[place % len(data)] ^= 1 << bit
    lines[line] = f"trusted comment: {data.decode('latin-1')}" if text else b64encode(data).decode()
    with pytest.raises(HubError):
        PublicKey.parse(PUBLIC).check(CONTENT, "\n".join(lines))


@pytest.mark.parametrize("content", [b"", CONTENT + b" ", CONTENT[1:]])
def test_other_content(content: bytes) -> None:
    with pytest.raises(HubError, match="changed after it was signed with the key 5416DB2C5E909C86"):
        PublicKey.parse(PUBLIC).check(content, SIGNATURE)


def test_another_key() -> None:
    other = SecretKey.new().public
    with pytest.raises(HubError, match=f"signed with the key 5416DB2C5E909C86, not with the expected key {other.name}"):
        other.check(CONTENT, SIGNATURE)
    forged = SecretKey(PublicKey(PublicKey.parse(PUBLIC).number, other.key), SecretKey.new().seed)
    with pytest.raises(HubError, match="changed after"):
        PublicKey.parse(PUBLIC).check(CONTENT, forged.sign(CONTENT, "of the same number"))


@pytest.mark.parametrize("text", ["", "RW", PUBLIC[:-1], f"a\nb\n{PUBLIC}", "Q" + PUBLIC[1:], "é", SECRET])
def test_what_is_no_key_and_no_signature(text: str) -> None:
    with pytest.raises(HubError, match="not a public key of minisign"):
        PublicKey.parse(text)
    with pytest.raises(HubError, match="not a signature of minisign"):
        PublicKey.parse(PUBLIC).check(CONTENT, text)
    with pytest.raises(HubError, match="not a secret key of minisign"):
        SecretKey.parse(text.replace("\nRWQA", "\nRXQA"))


def test_a_damaged_secret_key() -> None:
    data = bytearray(b64decode(SECRET.splitlines()[1]))
    data[70] ^= 1  # of the seed
    with pytest.raises(HubError, match="damaged"):
        SecretKey.parse(f"untrusted comment: x\n{b64encode(data).decode()}")
    greedy = b64decode(SecretKey.new().to_text("x", **CHEAP).splitlines()[1])
    greedy = greedy[:46] + (1 << 40).to_bytes(8, "little") + greedy[54:]
    with pytest.raises(HubError, match="too much memory"):
        SecretKey.parse(f"untrusted comment: x\n{b64encode(greedy).decode()}", "x")


def test_without_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minisign, "find_spec", lambda name: None)
    with pytest.raises(HubError, match=r"pip install 'seisbench-lcl\[signing\]'"):
        PublicKey.parse(PUBLIC).check(CONTENT, SIGNATURE)
