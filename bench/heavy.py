"""Whether heavy mail holds up the door: how soon DATA is answered while a child works on mails that take seconds.

    .venv/bin/python -m bench.heavy [--rate 50] [--seconds 20] [--rounds 3]

Starts `casegate run` as `bench.accept` does. Light replies come in at a steady rate, first alone, then while heavy
mails (each with an archive of many files) are looked into one after the other. HARDENING rule 18 asks for a p99 of at
most twice the quiet one.
"""

import argparse
import asyncio
import base64
import io
import os
import tempfile
import time
import zipfile
from pathlib import Path

import uvloop

from bench.accept import Letter, Load, Relay, Server, casegate, letters, milliseconds, row, seed, send, spread

ENTRIES = 900  # files in an archive, each to be unpacked and measured
ENTRY_BYTES = 60_000


def heavy(sender: str, recipient: str, number: int) -> Letter:
    """A mail whose archive must be looked into."""
    packed = io.BytesIO()
    text = (b"%d " % number) * (ENTRY_BYTES // 8)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for place in range(ENTRIES):
            archive.writestr(f"photos/{place}.txt", text)
    encoded = base64.encodebytes(packed.getvalue()).replace(b"\n", b"\r\n").decode()
    mail = (
        f"From: Tom Reed <{sender}>\r\nTo: <{recipient}>\r\nSubject: Re: photos\r\nMessage-ID: <{number}@customer.test>"
        '\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nMy photos\r\n--b\r\n'
        f'Content-Type: application/zip; name="{number}.zip"\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}'
        "--b--\r\n.\r\n"
    )
    return Letter(sender, recipient, mail.encode())


async def steady(ours: Server, mails: list[Letter], rate: float) -> Load:
    """Send mails at a steady rate over one kept connection after the other."""
    load, start = Load(), time.perf_counter()
    tasks = []
    for number, mail in enumerate(mails):
        await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(send(ours.port, [mail], connections=1)))
    for one in await asyncio.gather(*tasks):
        load.answers += one.answers
    return load


async def measure(options: argparse.Namespace, folder: Path, addresses: list[tuple[str, str]]) -> None:
    relay = await asyncio.get_running_loop().create_server(Relay, "127.0.0.1", 0)
    count = int(options.rate * options.seconds)
    busy_with = addresses[-100:]
    ratios = []
    row("", "p50 ms", "p99 ms", "CPU s")
    with casegate(folder, relay.sockets[0].getsockname()[1]) as ours:
        await steady(ours, letters(addresses[:-100], 200, "warm"), options.rate)
        for number in range(options.rounds):
            p99 = []
            for name in ("alone", "beside heavy mails"):
                if name != "alone":
                    weights = [heavy(*who, number * 100 + n) for n, who in enumerate(busy_with[:40])]
                    await send(ours.port, weights, connections=2)
                cpu = ours.cpu()
                load = await steady(ours, letters(addresses[:-100], count, f"{name}{number}"), options.rate)
                p99.append(milliseconds(load.answers, 0.99))
                row(name, f"{milliseconds(load.answers, 0.5):.2f}", f"{p99[-1]:.2f}", f"{ours.cpu() - cpu:.1f}")
            ratios.append(p99[1] / p99[0])
    print()
    spread("p99 beside heavy mails : alone", ratios)
    relay.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        os.environ["CASEGATE_GATEWAY__DATA_DIR"] = folder
        runner.run(measure(options, Path(folder), seed(Path(folder), 1_000)))


if __name__ == "__main__":
    main()
