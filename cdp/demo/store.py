"""A small store's customers and what they do: the same events for the same seed.

Owns who the people are, what they click and buy, and the truth about which message
came from whom. Shares no code with the loader. How messages are delivered (late,
twice, broken) is in `delivery`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

from cdp.demo.delivery import Delivery, Message, Truth, iso_time

DAYS = 120
DAY_S = 86_400.0
_FIRST = ("ada", "ben", "cleo", "dan", "eva", "finn", "gus", "hana", "ivo", "june", "kai", "lea")
_LAST = ("adler", "brandt", "costa", "diaz", "evans", "fischer", "garcia", "hansen", "ito", "kim")
_CATEGORIES = ("shoes", "shirts", "bags", "watches", "jackets", "hats")
_CAMPAIGNS = ("newsletter", "search", "social", "affiliate")
_PLANS = ("free", "plus", "pro")
_PRODUCTS = 120
_PLACEHOLDERS = ("null", "anonymous")


@dataclass(frozen=True)
class Person:
    """One customer. `user_id` and `email` are empty for people who never give them."""

    number: int
    user_id: str
    email: str
    name: str
    devices: tuple[tuple[str, str], ...]
    company: str
    first_seen: float
    last_seen: float
    eagerness: float


@dataclass
class _Session:
    """Where a person is at the moment, and as whom the site knows them."""

    source: str
    anonymous_id: str
    user_id: str
    at: float
    campaign: str


def generate_store(
    folder: Path,
    *,
    until: datetime,
    people: int = 1_250,
    seed: int = 7,
    files_per_source: int = 4,
    packed: bool = True,
) -> Truth:
    """Write the events of a store's last 120 days and the truth about them.

    Makes `web/events-NN.ndjson.gz` and `app/events-NN.ndjson.gz` (messages in the order of
    arrival; without `.gz` when not `packed`) and `truth.csv` (message_id, person; one row a
    distinct valid message) in `folder`. A person has about 16 messages: 1,250 people make the
    demo's store, 62,000 a million messages. `until` is naive UTC; nothing happens after it.
    """
    random = Random(seed)
    end = (until - datetime(1970, 1, 1)).total_seconds()
    delivery = Delivery(random, end)
    kiosks = [_uuid(random) for _ in range(max(2, people // 400))]
    for number in range(people):
        person = _person(random, number, end)
        for message in _life(random, person, kiosks, end):
            delivery.send(message)
    return delivery.write(folder, people, files_per_source, packed)


def _uuid(random: Random) -> str:
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _person(random: Random, number: int, end: float) -> Person:
    kind = random.random()
    first, last = random.choice(_FIRST), random.choice(_LAST)
    registered = kind < 0.62
    known = kind < 0.80
    devices = tuple(
        (random.choice(("web", "web", "app")), _uuid(random))
        for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4)))
    )
    first_seen = end - random.uniform(1, DAYS) * DAY_S
    # Half of the people stop coming at some time: what lapsed customers are made of.
    stays = random.random() < 0.5
    last_seen = end if stays else random.uniform(first_seen, end)
    return Person(
        number=number,
        user_id=f"u_{number:06d}" if registered else "",
        email=f"{first}.{last}{number}@example.com" if known else "",
        name=f"{first.title()} {last.title()}",
        devices=devices,
        company=f"company_{random.randrange(1 + number // 40):04d}" if kind < 0.05 else "",
        first_seen=first_seen,
        last_seen=last_seen,
        eagerness=random.choice((0.1, 0.25, 0.25, 0.5, 0.8)),
    )


def _life(random: Random, person: Person, kiosks: list[str], end: float) -> Iterator[Message]:
    """Everything one person does, session by session, in order of time."""
    span = person.last_seen - person.first_seen
    starts = sorted(
        person.first_seen + random.random() * span for _ in range(random.choice((1, 2, 3, 4, 6)))
    )
    logged_in: set[str] = set()
    for start in starts:
        source, device = random.choice(person.devices)
        if random.random() < 0.015:
            source, device = "web", random.choice(kiosks)
        user_id = person.user_id if device in logged_in else ""
        if not user_id and random.random() < 0.02:
            user_id = random.choice(_PLACEHOLDERS)
        session = _Session(source, device, user_id, start, random.choice(_CAMPAIGNS))
        for message in _visit(random, person, session):
            if message.at < end:
                yield message
        if session.user_id and session.user_id == person.user_id and device not in kiosks:
            logged_in.add(device)


def _visit(random: Random, person: Person, session: _Session) -> Iterator[Message]:
    call = _Caller(random, person, session)
    page = random.choice(_CATEGORIES)
    yield call("screen" if session.source == "app" else "page", f'"name":"{page.title()}"', "")
    if person.user_id and random.random() < 0.45:
        yield from _log_in(random, person, session, call)
    basket = 0
    items = []
    for _ in range(random.choice((1, 1, 2, 3, 4))):
        product, category, cents = _product(random)
        about = f'"product_id":"{product}","category":"{category}","price":{_money(cents)}'
        yield call("track", '"event":"Product Viewed"', f'{about},"currency":"EUR"')
        if random.random() < person.eagerness:
            yield call("track", '"event":"Product Added"', f'{about},"quantity":1')
            basket += cents
            items.append(f'{{"product_id":"{product}","price":{_money(cents)},"quantity":1}}')
    if items and random.random() < 0.6:
        yield from _check_out(random, person, session, call, basket, items)


def _log_in(random: Random, person: Person, session: _Session, call: _Caller) -> Iterator[Message]:
    session.user_id = person.user_id
    email = person.email.upper() if random.random() < 0.1 else person.email
    first_name, last_name = person.name.split(" ")
    traits = (
        f'"email":"{email}","firstName":"{first_name}","lastName":"{last_name}",'
        f'"plan":"{random.choice(_PLANS)}","createdAt":"{iso_time(person.first_seen)}"'
    )
    yield call("identify", "", traits)
    if person.company:
        size = 10 + len(person.company) * 7
        yield call(
            "group",
            f'"groupId":"{person.company}"',
            f'"name":"{person.company.title()}","employees":{size}',
        )


def _check_out(
    random: Random,
    person: Person,
    session: _Session,
    call: _Caller,
    basket: int,
    items: list[str],
) -> Iterator[Message]:
    if not session.user_id and person.email and random.random() < 0.7:
        # A guest leaves only an e-mail.
        email = person.email.title() if random.random() < 0.1 else person.email
        yield call("identify", "", f'"email":"{email}"')
    order = f"o_{random.getrandbits(40):010x}"
    money = f'"order_id":"{order}","revenue":{_money(basket)},"currency":"EUR"'
    yield call("track", '"event":"Checkout Started"', money)
    if random.random() < 0.15:
        return
    bought = f'{money},"quantity":{len(items)},"products":[{",".join(items)}]'
    yield call("track", '"event":"Order Completed"', bought)
    if random.random() < 0.06:
        session.at += random.uniform(1, 14) * DAY_S
        yield call("track", '"event":"Order Refunded"', money)


class _Caller:
    """Makes the messages of one session, a little later each."""

    def __init__(self, random: Random, person: Person, session: _Session) -> None:
        self._random = random
        self._person = person
        self._session = session

    def __call__(self, kind: str, fields: str, details: str) -> Message:
        """`fields` and `details` (properties or traits) are the inside of JSON objects."""
        session, random = self._session, self._random
        session.at += random.uniform(4, 180)
        message_id = _uuid(random)
        user = f'"{session.user_id}"' if session.user_id else "null"
        holder = "traits" if kind in ("identify", "group") else "properties"
        body = (
            f'{{"type":"{kind}",{fields}{"," if fields else ""}"messageId":"{message_id}",'
            f'"anonymousId":"{session.anonymous_id}","userId":{user},'
            f'"{holder}":{{{details}}},'
            f'"context":{{"campaign":{{"source":"{session.campaign}"}},'
            f'"library":{{"name":"store-{session.source}","version":"1.0.0"}}}}'
        )
        return Message(session.source, session.at, message_id, self._person.number, body)


def _product(random: Random) -> tuple[str, str, int]:
    number = min(random.randrange(_PRODUCTS), random.randrange(_PRODUCTS))
    return f"SKU-{number:03d}", _CATEGORIES[number % len(_CATEGORIES)], 900 + number * 137


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
