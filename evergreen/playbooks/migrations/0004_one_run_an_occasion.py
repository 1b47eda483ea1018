import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('playbooks', '0003_keep_what_is_there')]

    operations = [
        migrations.RemoveField('playbook', 'trigger'),
        migrations.RemoveField('playbookversion', 'steps'),
        migrations.RemoveField('enrolment', 'key'),
        migrations.RemoveField('enrolment', 'step_number'),
        migrations.AlterField('enrolment', 'playbook', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='enrolments', to='playbooks.playbook')),
        migrations.AlterField('enrolment', 'step_since', models.DateTimeField()),
        migrations.RemoveIndex('enrolment', 'enrolment_due'),
        migrations.AddIndex('enrolment', models.Index(fields=['state', 'wake_at', 'id'], name='enrolment_due')),
        migrations.AddIndex('enrolment', models.Index(fields=['version', 'state', 'step'], name='enrolment_version_step')),
        migrations.AddIndex('enrolment', models.Index(fields=['origin_kind', 'origin_id'], name='enrolment_origin')),
        migrations.AddConstraint('enrolment', models.UniqueConstraint(fields=('playbook', 'account', 'occasion'), name='enrolment_once_an_occasion')),
        migrations.AddConstraint('enrolment', models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('playbook', 'account', 'lane'), name='enrolment_one_at_a_time')),
        migrations.AddConstraint('playbookversion', models.UniqueConstraint(condition=models.Q(('state', 'retired'), _negated=True), fields=('playbook', 'state'), name='one_draft_and_one_published_version')),
    ]
