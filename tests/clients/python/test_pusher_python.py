"""Every method of the stock Python server SDK against a running server.

`python.test.mjs` starts the server and says where it is: CAMPANILE_TEST_HOST, _PORT, _APP_ID, _KEY, _SECRET and
_MASTER_KEY. Deliveries are seen by a small WebSocket subscriber; every wait is bounded.
"""

import base64
import hashlib
import hmac
import json
import os
import time
import unittest

import pusher
import websocket
from nacl.secret import SecretBox
from pusher.crypto import generate_shared_secret
from pusher.errors import PusherBadAuth, PusherBadRequest, PusherBadStatus

HOST = os.environ["CAMPANILE_TEST_HOST"]
PORT = int(os.environ["CAMPANILE_TEST_PORT"])
APP_ID = os.environ["CAMPANILE_TEST_APP_ID"]
KEY = os.environ["CAMPANILE_TEST_KEY"]
SECRET = os.environ["CAMPANILE_TEST_SECRET"]
MASTER_KEY = os.environ["CAMPANILE_TEST_MASTER_KEY"]
WAIT_SECONDS = float(os.environ.get("CAMPANILE_TEST_WAIT_MS", "10000")) / 1000


def sdk(**changes):
    """The SDK, pointed at the server under test."""
    options = {
        "app_id": APP_ID,
        "key": KEY,
        "secret": SECRET,
        "host": HOST,
        "port": PORT,
        "ssl": False,
        "encryption_master_key_base64": MASTER_KEY,
    }
    return pusher.Pusher(**{**options, **changes})


class Subscriber:
    """One socket of a client, with the frames that arrived and were not taken yet."""

    def __init__(self):
        url = f"ws://{HOST}:{PORT}/app/{KEY}?protocol=7&client=test&version=1.0"
        self._socket = websocket.create_connection(url, timeout=WAIT_SECONDS)
        self._kept = []
        self.socket_id = json.loads(self.take("pusher:connection_established")["data"])["socket_id"]

    def send(self, event, data):
        self._socket.send(json.dumps({"event": event, "data": data}))

    def take(self, event, channel=None):
        """Takes the first frame of this name (and channel), waiting for it when it has not come yet."""

        def fits(frame):
            return frame["event"] == event and channel in (None, frame.get("channel"))

        end = time.monotonic() + WAIT_SECONDS
        for index, frame in enumerate(self._kept):
            if fits(frame):
                return self._kept.pop(index)
        while time.monotonic() < end:
            frame = self._receive()
            if fits(frame):
                return frame
            self._kept.append(frame)
        raise AssertionError(f"no {event}; there is {self._kept}")

    def _receive(self):
        try:
            text = self._socket.recv()
        except websocket.WebSocketTimeoutException as error:
            raise AssertionError(f"no frame within {WAIT_SECONDS} s; there is {self._kept}") from error
        return json.loads(text)

    def named(self, event):
        """Frames of this name that arrived before the pong that is asked for here."""
        self.send("pusher:ping", {})
        self.take("pusher:pong")
        return [frame for frame in self._kept if frame["event"] == event]

    def subscribe(self, channel, custom_data=None, client=None):
        """Subscribes with a signature of the SDK and waits for the answer."""
        data = {"channel": channel, "auth": ""}
        if channel.startswith(("private-", "presence-")):
            signed = (client or sdk()).authenticate(channel, self.socket_id, custom_data)
            data.update({name: signed[name] for name in ("auth", "channel_data") if name in signed})
        self.send("pusher:subscribe", data)
        return json.loads(self.take("pusher_internal:subscription_succeeded", channel)["data"])

    def signin(self, user_data):
        self.send("pusher:signin", sdk().authenticate_user(self.socket_id, user_data))
        return self.take("pusher:signin_success")["data"]

    def close_code(self):
        """Waits for the close frame."""
        while True:
            opcode, payload = self._socket.recv_data(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return int.from_bytes(payload[:2], "big")

    def close(self):
        self._socket.close()


class PusherPythonTest(unittest.TestCase):
    def setUp(self):
        self.sdk = sdk()

    def join(self):
        subscriber = Subscriber()
        self.addCleanup(subscriber.close)
        return subscriber

    # trigger

    def test_trigger_on_one_channel_delivers_the_event(self):
        reader = self.join()
        reader.subscribe("py-one")
        self.assertEqual(self.sdk.trigger("py-one", "posted", {"text": "Grüße / 🔔"}), {})
        frame = reader.take("posted")
        self.assertEqual(frame["channel"], "py-one")
        self.assertEqual(json.loads(frame["data"]), {"text": "Grüße / 🔔"})

    def test_trigger_on_many_channels_delivers_to_each(self):
        reader = self.join()
        names = ["py-many-a", "private-py-many-b", "py-many-c"]
        for name in names:
            reader.subscribe(name)
        self.assertEqual(self.sdk.trigger(names, "posted", "plain text"), {})
        for name in names:
            self.assertEqual(reader.take("posted", name)["data"], "plain text")

    def test_trigger_with_socket_id_leaves_that_socket_out(self):
        cause, other = self.join(), self.join()
        cause.subscribe("py-others")
        other.subscribe("py-others")
        self.sdk.trigger("py-others", "posted", {}, cause.socket_id)
        other.take("posted")
        self.assertEqual(cause.named("posted"), [])

    def test_trigger_on_an_encrypted_channel_is_relayed_and_can_be_opened(self):
        channel = "private-encrypted-py"
        reader = self.join()
        reader.subscribe(channel)
        self.assertEqual(self.sdk.trigger(channel, "posted", {"amount": 10}), {})
        sealed = json.loads(reader.take("posted")["data"])
        secret = generate_shared_secret(channel.encode(), base64.b64decode(MASTER_KEY))
        nonce, ciphertext = (base64.b64decode(sealed[name]) for name in ("nonce", "ciphertext"))
        self.assertEqual(json.loads(SecretBox(secret).decrypt(ciphertext, nonce)), {"amount": 10})

    def test_trigger_of_data_over_the_limit_is_refused(self):
        with self.assertRaisesRegex(PusherBadStatus, "413"):
            self.sdk.trigger("py-big", "posted", "x" * 10_241)

    # trigger_batch

    def test_trigger_batch_delivers_every_event_in_order(self):
        reader = self.join()
        reader.subscribe("py-batch")
        batch = [{"channel": "py-batch", "name": "posted", "data": {"n": n}} for n in range(10)]
        self.assertEqual(self.sdk.trigger_batch(batch), {})
        self.assertEqual([json.loads(reader.take("posted")["data"])["n"] for _ in batch], list(range(10)))

    def test_trigger_batch_already_encoded_delivers_the_text_as_it_is(self):
        reader = self.join()
        reader.subscribe("py-encoded")
        text = '{"a" : "\\u00fc"}'
        self.sdk.trigger_batch([{"channel": "py-encoded", "name": "posted", "data": text}], already_encoded=True)
        self.assertEqual(reader.take("posted")["data"], text)

    def test_trigger_batch_of_eleven_is_refused(self):
        with self.assertRaises(PusherBadRequest):
            self.sdk.trigger_batch([{"channel": "py-batch", "name": "posted", "data": "1"} for _ in range(11)])

    # queries; the SDK sends body_md5 of an empty body with each of them

    def test_channels_info_lists_occupied_channels(self):
        reader = self.join()
        reader.subscribe("py-listed")
        self.assertEqual(self.sdk.channels_info()["channels"]["py-listed"], {})
        self.assertEqual(self.sdk.channels_info("py-no-such-prefix-"), {"channels": {}})

    def test_channels_info_with_prefix_and_attributes_counts_users(self):
        reader = self.join()
        reader.subscribe("presence-py-listed", {"user_id": "1"})
        listed = self.sdk.channels_info("presence-py-l", ["user_count"])
        self.assertEqual(listed, {"channels": {"presence-py-listed": {"user_count": 1}}})

    def test_channel_info_tells_occupation_and_counts(self):
        one, two = self.join(), self.join()
        one.subscribe("presence-py-info", {"user_id": "1"})
        two.subscribe("presence-py-info", {"user_id": "1"})
        info = self.sdk.channel_info("presence-py-info", ["user_count", "subscription_count"])
        self.assertEqual(info, {"occupied": True, "user_count": 1, "subscription_count": 2})
        self.assertEqual(self.sdk.channel_info("py-nobody"), {"occupied": False})

    def test_channel_info_of_user_count_without_presence_is_refused(self):
        with self.assertRaises(PusherBadRequest):
            self.sdk.channel_info("py-listed", ["user_count"])

    def test_users_info_lists_each_user_once(self):
        for user in ("1", "1", "2"):
            self.join().subscribe("presence-py-users", {"user_id": user})
        users = self.sdk.users_info("presence-py-users")["users"]
        self.assertEqual(sorted(user["id"] for user in users), ["1", "2"])
        self.assertEqual(self.sdk.users_info("presence-py-nobody"), {"users": []})

    def test_users_info_without_presence_is_refused(self):
        with self.assertRaises(PusherBadRequest):
            self.sdk.users_info("py-listed")

    # signatures

    def test_authenticate_is_accepted_for_private_and_encrypted_channels(self):
        reader = self.join()
        self.assertEqual(reader.subscribe("private-py"), {})
        self.assertEqual(reader.subscribe("private-encrypted-py-auth"), {})
        signed = self.sdk.authenticate("private-encrypted-py-auth", reader.socket_id)
        self.assertIn("shared_secret", signed)

    def test_authenticate_is_accepted_for_presence_channels_as_python_escapes_them(self):
        reader = self.join()
        member = {"user_id": "7", "user_info": {"name": "Jürgen / X"}}
        presence = reader.subscribe("presence-py", member)["presence"]
        self.assertEqual(presence, {"count": 1, "ids": ["7"], "hash": {"7": {"name": "Jürgen / X"}}})

    def test_authenticate_with_an_integer_user_id_is_a_member_of_that_text(self):
        reader = self.join()
        presence = reader.subscribe("presence-py-integer", {"user_id": 42})["presence"]
        self.assertEqual(presence, {"count": 1, "ids": ["42"], "hash": {"42": {}}})

    def test_authenticate_with_another_secret_is_refused(self):
        reader = self.join()
        signed = sdk(secret="another-secret-0123").authenticate("private-py", reader.socket_id)
        reader.send("pusher:subscribe", {"channel": "private-py", **signed})
        self.assertEqual(reader.take("pusher:subscription_error")["data"]["status"], 401)

    def test_authenticate_user_is_accepted(self):
        reader = self.join()
        answer = reader.signin({"id": "9", "user_info": {"name": "Ada"}})
        self.assertEqual(json.loads(answer["user_data"])["id"], "9")

    # users

    def test_send_to_user_reaches_every_socket_of_the_user_and_nobody_else(self):
        one, two, other = self.join(), self.join(), self.join()
        for reader, user in ((one, "20"), (two, "20"), (other, "21")):
            reader.signin({"id": user})
        self.assertEqual(self.sdk.send_to_user("20", "notice", {"n": 1}), {})
        for reader in (one, two):
            self.assertEqual(json.loads(reader.take("notice")["data"]), {"n": 1})
        self.assertEqual(other.named("notice"), [])

    def test_terminate_user_connections_ends_the_sockets_of_the_user(self):
        target, other = self.join(), self.join()
        target.signin({"id": "30"})
        other.signin({"id": "31"})
        # The SDK leaves /apps/{id} out of the path; the server finds the app by the key that signed the request.
        self.assertEqual(self.sdk.terminate_user_connections("30"), {})
        self.assertEqual(target.take("pusher:error")["data"]["code"], 4009)
        self.assertEqual(target.close_code(), 4009)
        self.assertEqual(other.named("pusher:error"), [])

    # refusals and webhooks

    def test_a_wrong_secret_is_refused_with_a_reason(self):
        with self.assertRaisesRegex(PusherBadAuth, "."):
            sdk(secret="another-secret-0123").trigger("py-one", "posted", {})
        with self.assertRaises(PusherBadAuth):
            sdk(secret="another-secret-0123").channels_info()

    def test_an_unknown_app_is_refused(self):
        with self.assertRaisesRegex(PusherBadStatus, "404"):
            sdk(app_id="4711").trigger("py-one", "posted", {})

    def test_validate_webhook_accepts_only_what_was_signed(self):
        event = {"name": "channel_occupied", "channel": "room"}
        body = json.dumps({"time_ms": int(time.time() * 1000), "events": [event]})
        signature = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
        self.assertEqual(self.sdk.validate_webhook(KEY, signature, body)["events"], [event])
        self.assertIsNone(self.sdk.validate_webhook("another-key", signature, body))
        self.assertIsNone(self.sdk.validate_webhook(KEY, signature, body + " "))


if __name__ == "__main__":
    unittest.main(verbosity=2)
