"""Keys and signatures in the format of minisign: Ed25519 over the BLAKE2b hash of a file.

The format is that of https://jedisct1.github.io/minisign, so that its program and this package read each other's files.
"""

import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import blake2b, scrypt
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from typing_extensions import Self

from seisbench_lcl.errors import HubError

_ED25519 = b"Ed"
_PREHASHED = b"ED"  # Ed25519 of the hash; old programs signed the file itself, which is not accepted here
_SCRYPT, _PLAIN, _BLAKE2B = b"Sc", b"\0\0", b"B2"
_OPERATIONS, _MEMORY = 1 << 25, 1 << 30  # what minisign spends on a password: seconds, and 1 GiB
_MOST_MEMORY = (1 << 31) - 2  # bytes that OpenSSL may take; a key that asks for more is damaged, or an attack
_COMMENT, _TRUSTED = "untrusted comment: ", "trusted comment: "


@dataclass(frozen=True)
class PublicKey:
    """The key that checks signatures.

    Attributes
    ----------
    number : bytes
        8 bytes that tell keys apart; they are drawn at random.
    key : bytes
        32 bytes.

    Examples
    --------
    >>> key = PublicKey.parse("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3")
    >>> key.name
    'E7620F1842B4E81F'
    """

    number: bytes
    key: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key: the 56 characters alone, or a file of minisign with its comment.

        Raises
        ------
        HubError
        """
        lines = text.strip().splitlines()
        data = _decoded(lines[-1] if lines else "", 42)
        if len(lines) > 2 or data is None or data[:2] != _ED25519:
            raise HubError(
                "this is not a public key of minisign: it is one line of 56 characters that begins with RW, and may "
                "have a line with a comment before it"
            )
        return cls(data[2:10], data[10:])

    @property
    def name(self) -> str:
        """The number of the key as minisign prints it: 16 hexadecimal digits."""
        return self.number[::-1].hex().upper()

    def __str__(self) -> str:
        return b64encode(_ED25519 + self.number + self.key).decode()

    def to_text(self) -> str:
        """Return the content of a ``.pub`` file."""
        return f"{_COMMENT}minisign public key {self.name}\n{self}\n"

    def check(self, content: bytes, signature: str) -> str:
        """Check the signature of a file, and return its trusted comment.

        Parameters
        ----------
        content : bytes
            The file.
        signature : str
            Content of its ``.minisig`` file.

        Raises
        ------
        HubError
            If this is no signature, is by another key, or belongs to another content or comment; or the package
            cryptography is missing.
        """
        lines = signature.splitlines()
        if len(lines) != 4 or not lines[0].startswith(_COMMENT) or not lines[2].startswith(_TRUSTED):
            raise HubError("this is not a signature of minisign, which has four lines")
        data, whole = _decoded(lines[1], 74), _decoded(lines[3], 64)
        if data is None or whole is None or data[:2] != _PREHASHED:
            raise HubError("this is not a signature of minisign 0.6 or newer (Ed25519 of the hash of the file)")
        if data[2:10] != self.number:
            other = PublicKey(data[2:10], b"").name
            raise HubError(f"it is signed with the key {other}, not with the expected key {self.name}")
        ed25519 = _ed25519()
        key = ed25519.Ed25519PublicKey.from_public_bytes(self.key)
        comment = lines[2].removeprefix(_TRUSTED)
        for signed, message in ((data[10:], blake2b(content).digest()), (whole, data[10:] + comment.encode())):
            try:
                key.verify(signed, message)
            except import_module("cryptography.exceptions").InvalidSignature as error:
                raise HubError(f"it was changed after it was signed with the key {self.name}") from error
        return comment


@dataclass(frozen=True)
class SecretKey:
    """The key that signs; its maker keeps it.

    Attributes
    ----------
    public : PublicKey
    seed : bytes
        32 bytes.

    Examples
    --------
    >>> key = SecretKey.new()
    >>> signature = key.sign(b"registry", "timestamp:1704067200")
    >>> key.public.check(b"registry", signature)
    'timestamp:1704067200'
    """

    public: PublicKey
    seed: bytes

    @classmethod
    def new(cls) -> Self:
        """Draw a new key.

        Raises
        ------
        HubError
            If the package cryptography is missing.
        """
        return cls._from(secrets.token_bytes(8), secrets.token_bytes(32))

    @classmethod
    def _from(cls, number: bytes, seed: bytes) -> Self:
        public = _ed25519().Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        return cls(PublicKey(number, public), seed)

    @staticmethod
    def is_encrypted(text: str) -> bool:
        """Return whether the content of a key file needs a password.

        Raises
        ------
        HubError
            If it is not a secret key.
        """
        return _secret(text)[2:4] == _SCRYPT

    @classmethod
    def parse(cls, text: str, password: str = "") -> Self:
        """Read the content of a key file.

        Raises
        ------
        HubError
            If it is not a secret key of minisign, is damaged, or the password is wrong; or the package cryptography is
            missing.
        """
        data = _secret(text)
        body = data[54:]
        if encrypted := data[2:4] == _SCRYPT:
            limits = (int.from_bytes(data[start : start + 8], "little") for start in (38, 46))
            body = _mixed(body, _stream(password, data[6:38], *limits))
        number, seed, public, checksum = body[:8], body[8:40], body[40:72], body[72:]
        if encrypted and checksum != _checksum(number + seed + public):
            raise HubError("the password is wrong, or the secret key is damaged")
        key = cls._from(number, seed)
        if key.public.key != public:  # minisign writes no checksum into a key without password
            raise HubError("the secret key is damaged: use its backup")
        return key

    def to_text(self, password: str = "", operations: int = _OPERATIONS, memory: int = _MEMORY) -> str:
        """Return the content of a key file, encrypted if there is a password.

        Parameters
        ----------
        password : str
        operations, memory : int
            How much a guess at the password costs, as in libsodium; the memory is in bytes.
        """
        content = self.public.number + self.seed + self.public.key
        body = content + _checksum(content)
        kind, salt = (_SCRYPT, secrets.token_bytes(32)) if password else (_PLAIN, bytes(32))
        operations, memory = (operations, memory) if password else (0, 0)
        if password:
            body = _mixed(body, _stream(password, salt, operations, memory))
        limits = operations.to_bytes(8, "little") + memory.to_bytes(8, "little")
        data = _ED25519 + kind + _BLAKE2B + salt + limits + body
        return f"{_COMMENT}minisign {'encrypted ' if password else ''}secret key\n{b64encode(data).decode()}\n"

    def sign(self, content: bytes, comment: str) -> str:
        """Return the content of a ``.minisig`` file.

        Parameters
        ----------
        content : bytes
            The file.
        comment : str
            One line that is signed as well.
        """
        key = _ed25519().Ed25519PrivateKey.from_private_bytes(self.seed)
        signed = key.sign(blake2b(content).digest())
        first = b64encode(_PREHASHED + self.public.number + signed).decode()
        second = b64encode(key.sign(signed + comment.encode())).decode()
        return f"{_COMMENT}signature by minisign key {self.public.name}\n{first}\n{_TRUSTED}{comment}\n{second}\n"


def _ed25519() -> Any:
    if find_spec("cryptography") is None:
        raise HubError("signatures need the package cryptography: pip install 'seisbench-lcl[signing]'")
    return import_module("cryptography.hazmat.primitives.asymmetric.ed25519")


def _secret(text: str) -> bytes:
    lines = text.strip().splitlines()
    data = _decoded(lines[-1] if lines else "", 158)
    if len(lines) != 2 or data is None or (data[:2], data[4:6]) != (_ED25519, _BLAKE2B):
        raise HubError("this is not a secret key of minisign: make one with seisbench-lcl hub keygen")
    if data[2:4] not in (_SCRYPT, _PLAIN):
        raise HubError("the secret key is encrypted in a way that is not known: make one with seisbench-lcl hub keygen")
    return data


def _decoded(text: str, size: int) -> bytes | None:
    try:
        data = b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        return None
    return data if len(data) == size else None


def _checksum(content: bytes) -> bytes:
    return blake2b(_ED25519 + content, digest_size=32).digest()


def _mixed(content: bytes, stream: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(content, stream, strict=True))


def _stream(password: str, salt: bytes, operations: int, memory: int) -> bytes:
    """Return 104 bytes from a password, with the parameters of scrypt that libsodium chooses (its ``pickparams``)."""
    if not 0 < memory <= _MEMORY or operations > 1 << 32:
        raise HubError("the secret key asks for too much memory: it is damaged")
    operations = max(operations, 32768)
    blocks = 8
    scarce = operations < memory // 32  # of operations, not of memory
    most = operations // (blocks * 4) if scarce else memory // (blocks * 128)
    cost = 2
    while cost <= most // 2:
        cost *= 2
    parallel = 1 if scarce else max(1, min(operations // 4 // cost, 0x3FFFFFFF) // blocks)
    return scrypt(password.encode(), salt=salt, n=cost, r=blocks, p=parallel, dklen=104, maxmem=_MOST_MEMORY)
