"""Portfolio figures: movements of recurring revenue, renewals, lifetimes, voices and the desk, by period and by group.

``lines`` (contract lines as columns) → ``standings`` (what each account pays on each boundary) → ``movements``, ``renewals``,
``lifetimes`` (pure) → ``book`` (reads them for a reader) . The definitions are those of docs/portfolio.md.
"""
