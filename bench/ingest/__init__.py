"""What the tracking API and the way into the lake can carry, each figure against another of the same run."""
