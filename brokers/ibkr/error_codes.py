"""The error codes of IBKR that decide something here; every other code is passed on with the venue's text.

Source: https://interactivebrokers.github.io/tws-api/message_codes.html
"""

from __future__ import annotations

UNKNOWN_CONTRACT = 200
REJECTED = 201
CLIENT_ID_TAKEN = 326
UNREADABLE = 505
LINK_LOST, LINK_BACK = frozenset({1100, 1300, 2110}), frozenset({1101, 1102})
REMEDIES = {
    1100: "the gateway lost the venue's servers; orders at the venue stay there; wait for 1101 or 1102, then reconcile",
    1300: "the gateway changed its port; connect again on the new one",
    2110: "the gateway lost the venue's servers; look at the machine's network, wait for 1101 or 1102, then reconcile",
    1101: "subscriptions are lost; reconcile before the next order",
    1102: "reconcile before the next order",
}
