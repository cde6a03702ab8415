"""An OIDC issuer for tests: keys made here, a discovery document and a key set served on this machine."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from shared.settings import Settings

AUDIENCE = "research-kb-test"
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def usual_keys() -> tuple[rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey]:
    """The keys of every issuer that has made no others: making one takes a tenth of a second."""
    return make_rsa(), make_ec()


def make_rsa(bits: int = 2048) -> rsa.RSAPrivateKey:
    """A private RSA key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def make_ec() -> ec.EllipticCurvePrivateKey:
    """A private key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def public_jwk(private: Private, kid: str, **more: Any) -> dict[str, Any]:
    """The public half as a JSON Web Key."""
    public = private.public_key()
    made = (
        RSAAlgorithm.to_jwk(public, as_dict=True)
        if isinstance(public, rsa.RSAPublicKey)
        else ECAlgorithm.to_jwk(public, as_dict=True)
    )
    return {**made, "kid": kid, "use": "sig", **more}


class LocalIssuer:
    """What the issuer answers with; a test changes it as it likes. `asked` holds the paths of all requests."""

    def __init__(self) -> None:
        self.rsa, self.ec = usual_keys()
        self.keys = [public_jwk(self.rsa, "one", alg="RS256"), public_jwk(self.ec, "two")]
        self.url = ""
        self.asked: list[str] = []
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.away = False
        self.answering = asyncio.Event()
        """While it is not set, requests wait."""
        self.answering.set()

    def settings(self, **more: Any) -> Settings:
        """Settings of a server that trusts this issuer."""
        given: dict[str, Any] = {
            "database_url": "postgresql://nobody@127.0.0.1:1/none",
            "token_issuer": self.url,
            "token_audience": AUDIENCE,
            "log_level": "critical",
        }
        return Settings(**given | more)

    def token(
        self, private: Private | None = None, kid: str | None = "one", algorithm: str = "RS256", **claims: Any
    ) -> str:
        """A token of this issuer that is valid unless `claims` make it otherwise; None leaves a claim out."""
        now = int(time.time())
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 300, "scope": "openid search"}
        said = {name: value for name, value in (said | claims).items() if value is not None}
        return jwt.encode(said, private or self.rsa, algorithm, {"kid": kid} if kid else None)

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body of a request."""
        if path in self.answers:
            return self.answers[path]
        if path == "/.well-known/openid-configuration":
            return 200, json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"}).encode()
        return 200, json.dumps({"keys": self.keys}).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split()[1].decode()
        self.asked.append(path)
        await self.answering.wait()
        if not self.away:
            status, body = self.answer(path)
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(body)))
            writer.write(body)
        writer.close()


@asynccontextmanager
async def serving_issuer() -> AsyncIterator[LocalIssuer]:
    """An issuer on this machine."""
    issuer = LocalIssuer()
    server = await asyncio.start_server(issuer.serve, "127.0.0.1", 0)
    issuer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield issuer
    finally:
        server.close()
