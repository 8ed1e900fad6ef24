"""Runs schemathesis against a seeded `camtrail serve`: all checks, as several persons, programs and as nobody.

    fuzz.py BINARY REQUESTS [SEED]

CAMTRAIL_FUZZ_ONLY names those who ask, separated by commas; without it, all do (WHO). Ends with 1 where anything failed, or fewer than REQUESTS requests were answered (by the program's own count).
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from box import Box

HERE = pathlib.Path(__file__).parent
# Who asks, and their part of the requests.
WHO = [("admin", 4), ("admin-token", 2), ("vera", 2), ("vera-token", 1), ("nobody", 1)]
# A round of one person makes so many requests at least, whatever its examples: the coverage phase's.
EXAMPLES_MAX = 400
REQUEST_S = 30
KNOWN_P = 0.6

# What a JSON schema can't say: these calls may refuse (400, or the status named) what fits their schemas. Everything
# else that the document says yes to must be taken.
BEYOND_SCHEMAS = {
    "list_events": (400, "a cursor is of one query; moments are RFC 3339 or milliseconds; names are measured in bytes"),
    "list_incidents": (400, "the same"),
    "list_audit": (400, "the same"),
    "list_viewed": (400, "the same"),
    "count_events": (400, "the same, and a range has a beginning before its end, and is so long at most"),
    "live": (400, "an id of a message of ours"),
    "arrivals": (400, "other stores' notifications, in their words"),
    "ingest": (400, "a path's parts are file names, measured in bytes"),
    "ask_for_h264": (422, "what a still is not good for"),
    "ask_for_preview": (422, "what a still is not good for"),
    "change_event": (400, "a note is one line"),
    "mark_events": (400, "one of two fields"),
    "put_groups": (400, "names are unique, and measured in bytes"),
    "push_subscribe": (400, "the address of a push service, a point of P-256"),
    "create_share": (400, "one of two fields, and an end that is to come"),
    "create_token": (400, "an end that is to come, a name of one line"),
    "create_user": (400, "an admin sees all cameras; names are measured in bytes"),
    "change_user": (400, "an admin sees all cameras; names are measured in bytes"),
    "change_password": (400, "passwords are measured in bytes"),
    "show_share": (410, "a share that ended"),
    "sign_in": (400, "names and passwords are measured in bytes"),
}
ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "429", "5xx"]


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def known(path, name, where):
    """What of the seed a parameter is made from; `None`: whatever the document allows."""
    if where == "query":
        return {"cursor": "cursor", "camera": "camera"}.get(name)
    if where == "path" and name == "id":
        folder = path.split("/{id}")[0].rsplit("/", 1)[1]
        return {"incidents": "incident", "shares": "share", "tokens": "token"}.get(folder, "event")
    return {"name": "user", "camera": "camera", "token": "share_token"}.get(name) if where == "path" else None


def configuration(document, seed):
    lines = [f'hooks = {json.dumps(str(HERE / "hooks.py"))}', "continue-on-failure = true",
             f"request-timeout = {REQUEST_S}", "max-redirects = 0", "[generation]", 'database = "none"', "[cache]", "enabled = false"]
    for name, values in seed.items():
        if isinstance(values, list):
            lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    for path, method, operation in operations(document):
        found = {}
        for parameter in operation.get("parameters", []):
            if dictionary := known(path, parameter["name"], parameter["in"]):
                found[f'{parameter["in"]}.{parameter["name"]}'] = dictionary
        status, _ = BEYOND_SCHEMAS.get(operation.get("operationId"), (None, None))
        if not found and status is None:
            continue
        lines += ["[[operations]]", f'include-name = "{method.upper()} {path}"']
        if status:
            lines += ["[operations.checks.positive_data_acceptance]",
                      f"expected-statuses = {json.dumps([*ACCEPTED, str(status)])}"]
        if found:
            lines += ["[operations.parameters]"]
            lines += [f'"{name}" = {{ dictionary = "{dictionary}", probability = {KNOWN_P} }}'
                      for name, dictionary in found.items()]
    return "\n".join(lines) + "\n"


def main():
    binary, wanted = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    only = [who for who in os.environ.get("CAMTRAIL_FUZZ_ONLY", "").split(",") if who]
    if unknown := [who for who in only if who not in dict(WHO)]:
        sys.exit(f"fuzz-api: CAMTRAIL_FUZZ_ONLY: found {unknown}, expected some of {[who for who, _ in WHO]}")
    persons = [(who, part) for who, part in WHO if not only or who in only]
    with tempfile.TemporaryDirectory(prefix="camtrail-fuzz-") as scratch:
        box = Box(binary, scratch)
        try:
            return rounds(box, persons, wanted, seed, pathlib.Path(scratch))
        finally:
            box.stop()


def rounds(box, persons, wanted, seed, scratch):
    values = box.seed()
    document = box.call("GET", "/openapi.json")
    (scratch / "schemathesis.toml").write_text(configuration(document, values))
    whole, failed = sum(part for _, part in persons), []
    for who, part in persons:
        goal, made, round = wanted * part // whole, 0, 0
        examples = max(1, min(EXAMPLES_MAX, goal // 60))
        while round == 0 or (made < goal and not failed):
            before, since = sum(box.requests().values()), time.monotonic()
            status = fuzz(box, who, examples, seed + round, values, scratch)
            made += sum(box.requests().values()) - before
            round += 1
            print(f"fuzz-api: as {who}, seed {seed + round - 1}: {made} of {goal} requests, "
                  f"{time.monotonic() - since:.0f} s, {'ok' if status == 0 else 'FAILED'}", flush=True)
            if status != 0:
                failed.append(who)
            if not box.lives():
                raise SystemExit(f"fuzz-api: the program ended:\n{box.said()[-4000:]}")
    counts = box.requests()
    total = sum(counts.values())
    print(f"fuzz-api: {total} requests answered, by status {dict(sorted(counts.items()))}")
    said = box.said()
    if panics := re.findall(r".*panicked at.*", said):
        failed.append("panics: " + "; ".join(panics[:5]))
    if total < wanted:
        failed.append(f"only {total} of {wanted} requests")
    if failed:
        print(f"fuzz-api: FAILED: {', '.join(failed)}")
    return 1 if failed else 0


def fuzz(box, who, examples, seed, values, scratch):
    env = box.env | {
        "CAMTRAIL_FUZZ_ADDRESS": box.http, "CAMTRAIL_FUZZ_AS": who, "CAMTRAIL_FUZZ_CAMERA_TOKEN": values["camera_token"],
        "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1",
    }
    program = pathlib.Path(sys.executable).parent / "schemathesis"
    # One worker: Python 3.11 counts the depth of its syntax trees once for all threads, and breaks where two build one
    # at a time ("AST constructor recursion depth mismatch").
    return subprocess.run(
        [program, "--config-file", "schemathesis.toml", "run", f"http://{box.http}/openapi.json", "--checks", "all",
         "--workers", "1", "--max-examples", str(examples), "--seed", str(seed), "--no-shrink", "--no-color",
         "--warnings", "off"],
        cwd=scratch, env=env).returncode


if __name__ == "__main__":
    sys.exit(main())
