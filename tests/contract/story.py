"""A classroom, told with the client that openapi-python-client makes of the description; mypy --strict reads it first."""

import os
from http import HTTPStatus
from typing import TypeVar

from campanile_client import AuthenticatedClient
from campanile_client.api.access import explain_access, revoke_access
from campanile_client.api.broadcasts import send_broadcast
from campanile_client.api.chat import create_chat, list_messages, post_message
from campanile_client.api.notifications import broadcast_notification
from campanile_client.api.polls import close_poll, create_poll, open_poll, show_poll_results, vote_poll
from campanile_client.api.presence import go_online, show_users_presence
from campanile_client.api.realtime import show_realtime_status
from campanile_client.api.roster import (
    apply_roster_batch,
    delete_course,
    list_users,
    put_course,
    put_enrollment,
    show_course,
)
from campanile_client.api.typing import say_typing
from campanile_client.models import (
    AccessScope,
    AccessScopeKind,
    AudienceBody,
    AudienceBodyType,
    BatchOfOperations,
    BroadcastBody,
    ChatBody,
    ChatBodyKind,
    CourseBody,
    EnrollmentBody,
    EnrollmentBodyRole,
    Me,
    MessageBody,
    NotificationBroadcastBody,
    NotificationBroadcastBodyCategory,
    OnlineBody,
    PollBody,
    PollBodyKind,
    PollVoteBody,
    Problem,
    RevokeBody,
    TypingBody,
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


def tell_of_a_lesson(office: AuthenticatedClient, student: AuthenticatedClient, teacher: AuthenticatedClient) -> None:
    """Presence, chat, typing, a notification, a broadcast and a poll in course 902."""
    assert good(go_online.sync_detailed(client=student, body=OnlineBody())).interval == 30
    seen = good(show_users_presence.sync_detailed(client=teacher, ids=["1"]))
    assert [one.id for one in seen.data] == ["1"]
    typed = say_typing.sync_detailed(client=student, body=TypingBody(typing=True, channel="private-course-902"))
    assert typed.status_code == HTTPStatus.NO_CONTENT

    good(create_chat.sync_detailed(client=office, body=ChatBody(id="lesson", kind=ChatBodyKind.COURSE, course="902", title="Lesson")))
    said = good(post_message.sync_detailed(client=student, body=MessageBody(chat_id="lesson", body="Hello")))
    listed = good(list_messages.sync_detailed("lesson", client=teacher))
    assert [message.id for message in listed.data] == [said.id]

    audience = AudienceBody(type_=AudienceBodyType.COURSE, ids=["902"])
    note = NotificationBroadcastBody(audience=audience, category=NotificationBroadcastBodyCategory.LIVE, title="We begin")
    assert good(broadcast_notification.sync_detailed(client=teacher, body=note)).estimated_recipients > 0
    body = BroadcastBody(audience=audience, event="exam.started")
    assert good(send_broadcast.sync_detailed(client=teacher, body=body)).receivers > 0

    made = PollBody(kind=PollBodyKind.YES_NO, question="Clear so far?", course_id="902")
    poll = good(create_poll.sync_detailed(client=teacher, body=made))
    good(open_poll.sync_detailed(poll.id, client=teacher))
    good(vote_poll.sync_detailed(poll.id, client=student, body=PollVoteBody(option_ids=["1"])))
    good(close_poll.sync_detailed(poll.id, client=teacher))
    assert good(show_poll_results.sync_detailed(poll.id, client=student)).total == 1


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

    good(put_course.sync_detailed("902", client=office, body=CourseBody(title="Classroom")))
    for user, role in (("1", EnrollmentBodyRole.STUDENT), ("10", EnrollmentBodyRole.INSTRUCTOR)):
        enrollment = EnrollmentBody(user=user, course="902", role=role)
        good(put_enrollment.sync_detailed(f"902-{user}", client=office, body=enrollment))
    tell_of_a_lesson(office, student, client("SCHOOL_TEACHER"))

    batch = BatchOfOperations.from_dict({"operations": [{"op": "delete", "kind": "enrollment", "id": "901-1"}]})
    assert good(apply_roster_batch.sync_detailed(client=office, body=batch)).refused == 0
    good(delete_course.sync_detailed("901", client=office))
    print("the story holds in Python")


if __name__ == "__main__":
    main()
