"""A classroom, told with the client that openapi-python-client makes of the description; mypy --strict reads it first."""

import os
from http import HTTPStatus
from typing import TypeVar

from campanile_client import AuthenticatedClient
from campanile_client.api.access import explain_access, revoke_access
from campanile_client.api.realtime import show_realtime_status
from campanile_client.api.roster import (
    apply_roster_batch,
    delete_course,
    list_users,
    put_course,
    put_enrollment,
    show_course,
)
from campanile_client.models import (
    AccessScope,
    AccessScopeKind,
    BatchOfOperations,
    CourseBody,
    EnrollmentBody,
    EnrollmentBodyRole,
    Me,
    Problem,
    RevokeBody,
)
from campanile_client.types import Response

T = TypeVar("T")


def client(proof: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=os.environ["SCHOOL_URL"], token=os.environ[proof])


def good(answer: Response[T | Problem]) -> T:
    """What was asked for; a refusal ends the story."""
    assert answer.parsed is not None and not isinstance(answer.parsed, Problem), answer
    return answer.parsed


def refused(code: str, answer: Response[T | Problem]) -> Problem:
    """The refusal, which must have this code."""
    assert isinstance(answer.parsed, Problem) and answer.parsed.code == code, answer
    return answer.parsed


def main() -> None:
    office, student = client("SCHOOL_KEY"), client("SCHOOL_STUDENT")

    status = good(show_realtime_status.sync_detailed(client=student))
    assert isinstance(status.me, Me) and status.me.id == "1"
    assert len(good(list_users.sync_detailed(client=office, limit=2)).data) == 2

    course = good(put_course.sync_detailed("901", client=office, body=CourseBody(title="Story")))
    assert course.version == 1
    shown = show_course.sync_detailed("901", client=office, if_none_match='"1"')
    assert shown.status_code == HTTPStatus.NOT_MODIFIED

    enrollment = EnrollmentBody(user="1", course="901", role=EnrollmentBodyRole.STUDENT)
    good(put_enrollment.sync_detailed("901-1", client=office, body=enrollment))
    enrollment.course = "nowhere"
    wrong = refused("invalid_fields", put_enrollment.sync_detailed("901-2", client=office, body=enrollment))
    assert wrong.errors[0].pointer == "/course"

    channel = "private-course.901"
    assert good(explain_access.sync_detailed(client=student, channel=channel)).allow
    scope = AccessScope(kind=AccessScopeKind.COURSE, id="901")
    body = RevokeBody(user="1", scope=scope, for_seconds=60, reason="the story wants it")
    refused("missing_scope", revoke_access.sync_detailed(client=student, body=body))
    good(revoke_access.sync_detailed(client=office, body=body))
    assert not good(explain_access.sync_detailed(client=student, channel=channel)).allow

    batch = BatchOfOperations.from_dict({"operations": [{"op": "delete", "kind": "enrollment", "id": "901-1"}]})
    assert good(apply_roster_batch.sync_detailed(client=office, body=batch)).refused == 0
    good(delete_course.sync_detailed("901", client=office))
    print("the story holds in Python")


if __name__ == "__main__":
    main()
