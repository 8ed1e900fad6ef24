"""Loaded by schemathesis: who asks (CAMTRAIL_FUZZ_AS) and from where, and signing in again where a request signed them
out."""

import itertools
import os
import pathlib
import sys
import threading

import schemathesis

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import box  # noqa: E402

ADDRESS = os.environ["CAMTRAIL_FUZZ_ADDRESS"]
WHO = os.environ["CAMTRAIL_FUZZ_AS"]
CAMERA_TOKEN = os.environ["CAMTRAIL_FUZZ_CAMERA_TOKEN"]
ARRIVAL_TOKEN = "a" * 64
PASSWORDS = {"admin": box.ADMIN_PASSWORD, "vera": box.VIEWER_PASSWORD}


class Proof:
    """A session or token that is good now. Revoking it is one of the calls under test: it is looked at after a 401."""

    def __init__(self, name, as_token):
        self.name, self.as_token = name, as_token
        self.lock, self.is_suspect = threading.Lock(), False
        self.headers = self.fresh()

    def fresh(self):
        cookie = box.sign_in(ADDRESS, self.name, PASSWORDS[self.name])
        if not self.as_token:
            return {"Cookie": cookie}
        # The fuzzer made others; there is room for so many.
        for token in box.call(ADDRESS, "GET", "/api/v1/tokens", cookie=cookie)[0]["items"]:
            if token["username"] == self.name:
                box.call(ADDRESS, "DELETE", f"/api/v1/tokens/{token['id']}", cookie=cookie, want=(204, 404))
        body = {"name": "fuzz", "scopes": ["admin" if self.name == "admin" else "read"]}
        made, _ = box.call(ADDRESS, "POST", "/api/v1/tokens", body, cookie)
        return {"Authorization": f"Bearer {made['token']}"}

    def get(self):
        with self.lock:
            if self.is_suspect:
                self.headers, self.is_suspect = self.fresh(), False
            return self.headers


PROOF = None if WHO == "nobody" else Proof(WHO.split("-")[0], WHO.endswith("-token"))


@schemathesis.auth(refresh_interval=None)
class Auth:
    def get(self, case, context):
        operation = case.operation.definition.raw.get("operationId")
        if operation == "ingest":
            return {"Authorization": f"Bearer {CAMERA_TOKEN}"}
        if operation == "arrivals":
            return {"Authorization": f"Bearer {ARRIVAL_TOKEN}"}
        return PROOF.get() if PROOF else None

    def set(self, case, data, context):
        if data:
            case.headers = case.headers or {}
            case.headers.update(data)


@schemathesis.hook
def after_call(context, case, response):
    if PROOF is None:
        return
    ended = case.operation.definition.raw.get("operationId") in ("sign_out", "revoke_token", "change_password")
    if response.status_code == 401 or ended:
        PROOF.is_suspect = True


NUMBERS = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    number = next(NUMBERS)
    case.headers = case.headers or {}
    case.headers["X-Forwarded-For"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    # Nobody locks themselves out: the last admin can't be disabled, but given another password.
    if case.operation.definition.raw.get("operationId") == "change_user":
        if (case.path_parameters or {}).get("name") in PASSWORDS:
            case.path_parameters["name"] = "bob"
