"""What schemathesis cannot read in the description: texts that only the server gives, and choices between parts of a request."""

import re

import schemathesis

# Whoever calls has one proof; it is sent with every request.
PROOF = "bearer"

# Names of channels, unless the app is lenient.
CHANNEL = {"type": "string", "minLength": 1, "maxLength": 500, "pattern": "^[A-Za-z0-9_=@,.;-]+$"}

# No pattern can say that each number has 32 bits.
SOCKET = {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})$"}

# Only such channels need authorisation.
GUARDED = {"type": "string", "pattern": r"^(private|presence)-(course|class|user)\.[0-9]{1,3}$"}

# Ids that are right for certain. Others may be right too, and are not tried.
ID = "^[A-Za-z0-9_-]{1,8}$"

# Texts of which the description says less than the server knows.
KNOWN = {
    "If-Match": {"type": "string", "enum": ['"1"', 'W/"2", "3"', "*"]},
    "If-None-Match": {"type": "string", "enum": ['"1"', "*"]},
    "channel": CHANNEL,
    "channel_name": GUARDED,
    # In a list that commas part, an id has neither commas nor spaces around it.
    "ids": {"type": "array", "minItems": 1, "maxItems": 200, "items": {"type": "string", "pattern": ID}},
    "socket_id": SOCKET,
    "topic": {"type": "string", "enum": ["course.1", "class.1", "chat.nobodys", "platform", "notices"]},
}

# A cursor is the server's own; without one, a list is read from its beginning. Of a socket, Echo sends `null` while there is none.
LEFT_OUT = {"cursor", "Last-Event-ID", "last_event_id", "X-Socket-ID"}


@schemathesis.hook
def before_load_schema(context, schema):
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            prepare(path, operation)
    for body in ("ChannelAuthBody", "UserAuthBody"):
        schema["components"]["schemas"][body]["properties"]["socket_id"] = SOCKET
    schema["components"]["schemas"]["ChannelAuthBody"]["properties"]["channel_name"] = GUARDED
    # Each row of a batch is refused for itself, so the request is taken whatever stands in them.
    rows = schema["components"]["schemas"]["BatchOfOperations"]["properties"]["operations"]
    rows["items"] = {"anyOf": [rows["items"], {}]}


def prepare(path, operation):
    if not path.startswith("/apps/"):
        operation["security"] = [way for way in operation["security"] if not way or PROOF in way]
    parameters = [one for one in operation.get("parameters", []) if one["name"] not in LEFT_OUT]
    for one in parameters:
        one["required"] = one.get("required", False) or (path, one["name"]) in NEEDED
        is_channel = "/channels/{name}" in path and one["name"] == "name"
        if "enum" not in one["schema"] and path != "/api/broadcast-log":
            one["schema"] = CHANNEL if is_channel else KNOWN.get(one["name"], one["schema"])
    operation["parameters"] = [one for one in parameters if (path, one["name"]) not in OTHERS]
    if path.endswith("auth") and "requestBody" in operation:
        # Clients may put everything into the query instead, which GET has already shown.
        operation["requestBody"]["required"] = True


# Parameters that are needed, or of which one is; the other of the two is left out then.
NEEDED = {("/api/polls", "course_id"), ("/api/typing", "channel"), ("/api/presence/users", "ids")}
OTHERS = {("/api/polls", "class_id"), ("/api/typing", "chat_id")}

# Of these, a request has one at most: two contradict each other, and are refused.
EXCLUSIVE = [
    {"if-match", "if-none-match"},
    {"before_seq", "after_seq", "around"},
    {"search", "after_seq"},
    {"search", "around"},
]


# The head of a request has a limit of its own (431), which comes before all routes.
LONGEST_QUERY = 2_000


@schemathesis.hook
def filter_case(context, case):
    if len(str(case.query)) > LONGEST_QUERY:
        return False
    ids = (case.query or {}).get("ids")
    if isinstance(ids, (str, list)) and not all(re.match(ID, str(one)) for one in ([ids] if isinstance(ids, str) else ids)):
        return False
    names = {name.lower() for part in (case.headers, case.query) for name in part or {}}
    return all(len(names & some) <= 1 for some in EXCLUSIVE)
