"""Links that somebody opens on his own phone without an account, and the sessions they begin.

The rule of a link: until somebody accepts what it invites to, it opens for whoever has it, always as the same person,
who has nothing yet. The phone that accepts holds it: from then on every other session of the link is over, the
link's own token opens nothing, and only that phone's refresh token renews its access. A link that was forwarded or
read along is therefore useless once the guest has accepted; somebody who accepts in his place is noticed, because the
guest's own phone is refused, and the resident cancels the pass.

What the phone that accepted may do does not all end with the link: as long as anything is kept of the person, he takes
back his consents there, asks about his data and has it erased; and afterwards he reads the certificate. Where he has
answered a later link, that is the later one's phone's: a lost one asks for nothing any more.

A guest who comes again can show, on the phone that accepted, that he is known: then he is the same person, and the link
is that phone's from its opening on. His host sees "pending" like anybody's until he accepts.
"""
