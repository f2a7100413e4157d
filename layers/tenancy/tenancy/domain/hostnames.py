"""The rules for names say which a tenant may have, and which host a name means.

A tenant's name is one DNS label below the base domain. It is never normalised: what is not already in its plain form
is refused, so that no two spellings can mean one tenant.
"""

import re
import unicodedata
from enum import StrEnum
from typing import NamedTuple

SHORTEST, LONGEST = 3, 32

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,30}[a-z0-9])", re.ASCII)

# Hosts of the platform itself, names that mail clients, browsers and proxies look up by convention below any domain,
# and names that a visitor would take for the platform's own word.
_RESERVED_WORDS = """
    about abuse access account accounts admin administrator alerts analytics api apis app apps assets auth
    autoconfig autodiscover backend backup beta billing blog broadcasthost cache cdn cert certificate chat cloud
    cname config console contact control dashboard data database dev developer developers dkim dmarc dns docs domain
    domains download downloads edge email error events example exchange exports faq feedback files forum ftp gateway
    git graphql group grpc health healthz help hostmaster http https id identity image images imap info internal
    invoice invoices isatap isp jobs kubernetes legal local localdomain localhost log login logout logs mail mailer
    mailserver marketing media metrics mobile monitor monitoring mta-sts mx my network news newsletter noc none ns
    ns0 ns1 ns2 ns3 ns4 null oauth openid ops origin owner partner partners pay payment payments ping policy pop
    pop3 portal postmaster press prod production profile proxy public raw register registry relay report reports
    root sales sandbox secure security server service services settings setup signin signup sip site sites smtp spf
    sql ssh ssl staging stat static stats status subdomain support survey sysadmin system tls token tools undefined
    update updates upload uploads usenet user users uucp vpn web webhook webhooks webmail webmaster websocket whois
    wiki wpad www www1 www2 xmpp
    fluxion fluxionai fluxionia
"""
RESERVED = frozenset(_RESERVED_WORDS.split())

# What is confusable among a-z, 0-9 and the hyphen, after Unicode Technical Standard 39 (confusables.txt). The test of
# this module compares the table with the confusable-homoglyphs package, so that the functions need not load it.
_CONFUSABLES = (("rn", "m"), ("1", "l"), ("0", "o"))


def skeleton(label: str) -> str:
    """Return the form that all confusable labels share. The claim on a name is a claim on its skeleton.

    >>> skeleton("1agranja") == skeleton("lagranja")
    True
    """
    for confusable, plain in _CONFUSABLES:
        label = label.replace(confusable, plain)
    return label


_RESERVED_SKELETONS = {skeleton(name): name for name in sorted(RESERVED, reverse=True)}


class Rule(StrEnum):
    """What a tenant's name has to keep to. Values are codes for programs."""

    PLAIN_FORM = "plain_form"
    LENGTH = "length"
    CHARACTERS = "characters"
    HYPHENS = "hyphens"
    DIGITS = "digits"
    RESERVED = "reserved"
    LOOKS_RESERVED = "looks_reserved"


class BrokenRule(NamedTuple):
    """Why a label is no tenant's name. words: for a person. like: the reserved name that it could be taken for."""

    rule: Rule
    words: str
    like: str | None = None


def broken_rule(label: str) -> BrokenRule | None:
    """Return the first rule that a tenant's name breaks, or None for a good name."""
    if label != unicodedata.normalize("NFKC", label).lower():
        return BrokenRule(Rule.PLAIN_FORM, "must be given in its plain lower-case form; it is never converted")
    if not SHORTEST <= len(label) <= LONGEST:
        return BrokenRule(Rule.LENGTH, f"must have {SHORTEST} to {LONGEST} characters, and has {len(label)}")
    if not _LABEL.fullmatch(label):
        return BrokenRule(Rule.CHARACTERS, "must consist of a-z, 0-9 and inner hyphens: one DNS label, no dot")
    if label[2:4] == "--":
        places = "in the third and fourth place (reserved for encoded names such as xn--)"
        return BrokenRule(Rule.HYPHENS, f"must not have hyphens {places}")
    if label.isdigit():
        return BrokenRule(Rule.DIGITS, "must not be all digits")
    if label in RESERVED:
        return BrokenRule(Rule.RESERVED, "is reserved for the platform")
    if like := _RESERVED_SKELETONS.get(skeleton(label)):
        return BrokenRule(Rule.LOOKS_RESERVED, f"looks like the reserved name '{like}'", like)
    return None


def is_valid_label(label: str) -> bool:
    """Return whether a tenant may have this name."""
    return broken_rule(label) is None


def host_of(label: str, base_domain: str) -> str:
    """Return the host that serves a tenant, without a trailing dot: ``granja.fluxionia.co``."""
    return f"{label}.{base_domain}"
