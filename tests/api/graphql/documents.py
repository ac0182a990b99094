"""Documents that ask for all there is, with references by id."""

BASIS = """
  on knownUntil position recordedAt rule
  policy { confirmations independent implicit }
"""
RECORD_BASIS = """
  position recordedAt rule policy { confirmations independent implicit }
"""
TALLY = """
  for { id } against { id } confirmedBy { id } refutedBy { id } withheldBy { id }
  retractedBy { id } independent
"""
CLAIM = f"""
  id text topics {{ id }} about status flags since tally {{ {TALLY} }}
  statements {{ id }}
"""
KNOWLEDGE = f"""
query ($on: String!, $recordedBy: String, $topic: ID, $statuses: [Status!],
       $policy: PolicyInput, $first: Int = 1000, $after: String) {{
  knowledge(on: $on, recordedBy: $recordedBy, topic: $topic, statuses: $statuses,
            policy: $policy, first: $first, after: $after) {{
    basis {{ {BASIS} }}
    counts {{ status count }}
    claims {{ nodes {{ {CLAIM} }} }}
    possiblyKnown {{ claim {{ id }} statement {{ id }} earliest latest }}
  }}
}}
"""
CLAIM_KNOWLEDGE = f"""
query ($id: ID!, $on: String!, $recordedBy: String, $policy: PolicyInput) {{
  claim(id: $id, on: $on, recordedBy: $recordedBy, policy: $policy) {{
    {CLAIM} basis {{ {BASIS} }}
  }}
}}
"""
TIMELINE = f"""
query ($claim: ID!, $recordedBy: String, $policy: PolicyInput) {{
  timeline(claim: $claim, recordedBy: $recordedBy, policy: $policy) {{
    claim {{ id }}
    basis {{ {RECORD_BASIS} }}
    spans {{ from until status flags tally {{ {TALLY} }} statements {{ id }} }}
  }}
}}
"""
CHANGES = f"""
query ($from: PointInput!, $to: PointInput!, $topic: ID, $policy: PolicyInput) {{
  changes(from: $from, to: $to, topic: $topic, policy: $policy, first: 1000) {{
    from {{ {BASIS} }} to {{ {BASIS} }}
    nodes {{
      id text because {{ id }}
      before {{ status flags tally {{ {TALLY} }} }}
      after {{ status flags tally {{ {TALLY} }} }}
    }}
  }}
}}
"""
EXPLANATION = f"""
query ($claim: ID!, $on: String!, $recordedBy: String, $policy: PolicyInput) {{
  explanation(claim: $claim, on: $on, recordedBy: $recordedBy, policy: $policy) {{
    basis {{ {BASIS} }}
    claim {{ {CLAIM} }}
    standings {{
      source {{ id }} stance strength side statement {{ id }} knownFrom
      basis {{ own unknown refs }} origins {{ id }} flags
    }}
    decidedBy
    counts {{ confirmations refutations independent }}
  }}
}}
"""
POSITIONS = f"""
query ($source: ID!, $on: String!, $recordedBy: String, $policy: PolicyInput) {{
  positions(source: $source, on: $on, recordedBy: $recordedBy, policy: $policy) {{
    basis {{ {BASIS} }}
    source {{ id }}
    positions {{
      claim {{ id }} stance strength statement {{ id }} knownFrom walkedBack
    }}
  }}
}}
"""
EXPECTATIONS = f"""
query ($on: String!, $recordedBy: String) {{
  expectations(on: $on, recordedBy: $recordedBy) {{
    basis {{ {BASIS} }}
    expectations {{
      id claims {{ id }} source {{ id }} awaits {{ id }} due state
      fulfilledBy {{ id }} quote
    }}
  }}
}}
"""
EVENTS = """
query ($after: String, $first: Int, $filter: EventFilter) {
  events(after: $after, first: $first, filter: $filter) {
    edges { cursor node { id } }
    nodes { __typename id position recordedAt recorder json }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
RECORD = """
mutation ($events: [EventInput!]!) {
  record(events: $events) { position recordedAt events { id position new } }
}
"""
