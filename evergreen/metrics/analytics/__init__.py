"""Product analytics: trends, stickiness, penetration, funnels, retention, paths; definitions in docs/analytics.md."""
