"""Who took part in a promotion, and whether two of them count as two pairs of eyes. Pure.

Who makes a credential can use it, whatever name it carries. So who made somebody's credential, or the one that it was
made with, does not count as somebody else.
"""

from dataclasses import dataclass

from modelyard.principals import UNAUTHENTICATED_SUBJECTS, Principal

_WAY_OUT = (
    "let somebody take part whose token a third person made, or who logs in at the identity provider, "
    "and see `modelyard tokens list` for who made which"
)


@dataclass(frozen=True, slots=True)
class Party:
    """Who asked or approved, with the makers of the credential that they did it with."""

    subject: str
    made_by: frozenset[str] = frozenset()

    @classmethod
    def of(cls, principal: Principal) -> "Party":
        """The caller."""
        return cls(principal.subject, principal.made_by)


def dependence(one: Party, other: Party) -> str | None:
    """Why these two may be one person; None when they are two."""
    for maker, made in ((one, other), (other, one)):
        if maker.subject in made.made_by:
            return (
                f"'{maker.subject}' made the token of '{made.subject}', or one that it was made with, so the two are "
                f"one pair of eyes; {_WAY_OUT}"
            )
    for party in (one, other):
        if UNAUTHENTICATED_SUBJECTS & (party.made_by | {party.subject}):
            return (
                f"'{party.subject}' acted without authentication, or with a token that was made so, and nobody knows "
                f"who that was; {_WAY_OUT}"
            )
    return None
