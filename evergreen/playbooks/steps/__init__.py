"""The kinds of steps that act, each a module: what it may be told, and what it writes."""

from evergreen.playbooks.kinds import Kind
from evergreen.playbooks.steps.fields import SetField
from evergreen.playbooks.steps.groups import WriteToGroups
from evergreen.playbooks.steps.messages import CallWebhook, SendMessage
from evergreen.playbooks.steps.surveys import AskSurvey
from evergreen.playbooks.steps.tasks import MakeTask
from evergreen.playbooks.steps.tickets import OpenTicket

KINDS: tuple[Kind, ...] = (
    MakeTask(),
    SendMessage(),
    AskSurvey(),
    WriteToGroups(),
    SetField(),
    OpenTicket(),
    CallWebhook(),
)
