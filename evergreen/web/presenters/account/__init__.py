"""The account page: its heading, health, what to do, figures, people, money, timeline and charts."""
