"""Open a case as the platform would: a CASE_CREATE event, signed by the Standard Webhooks rules. Standard library only.

    python docs/examples/open_case.py data/demo/secrets/hook_secret http://127.0.0.1:8080 shp_demo0000pixelshop0000001

Prints the answer of the gateway: 201 with the case. Sending the same event again would answer 200 and change nothing.
"""

import base64
import hashlib
import hmac
import json
import secrets
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

secret_file, gateway, store_id = sys.argv[1:]
now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
event_id = f"evt_{secrets.token_hex(12)}"
event = {
    "event": "CASE_CREATE",
    "id": event_id,
    "timestamp": now,
    "data": {
        "storeId": store_id,
        "store": {"name": "Pixel Shop", "notify": [{"email": "oskar@pixelshop.test", "name": "Oskar Lind"}]},
        "customer": {"email": "tom@customer.test", "firstName": "Tom", "lastName": "Reed"},
        "order": {
            "id": f"ord_{secrets.token_hex(12)}",
            "orderNumber": "1043",
            "amount": 4999,
            "currency": "EUR",
            "status": "COMPLETED",
            "createdAt": now,
        },
        "subject": "The key does not work",
        "priority": "HIGH",
        "body": "Hello,\n\nthe game says that the key was used before. Can you help?\n\nTom",
    },
}
body = json.dumps(event).encode()
timestamp = str(int(time.time()))
key = base64.b64decode(Path(secret_file).read_text().strip().removeprefix("whsec_"))
signature = hmac.digest(key, b".".join((event_id.encode(), timestamp.encode(), body)), hashlib.sha256)
request = urllib.request.Request(
    f"{gateway}/hooks/cases",
    body,
    {
        "Content-Type": "application/json",
        "Webhook-Id": event_id,
        "Webhook-Timestamp": timestamp,
        "Webhook-Signature": f"v1,{base64.b64encode(signature).decode()}",
    },
)
try:
    with urllib.request.urlopen(request) as answer:
        print(answer.status, json.dumps(json.load(answer), indent=2))
except urllib.error.HTTPError as error:
    sys.exit(f"{error.code} {error.read().decode()}")
