"""Versions with a state and a whole definition; runs with a lease, a fence, a visit and their way. What is there comes with 0003."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

_NOW = django.utils.timezone.now


class Migration(migrations.Migration):

    dependencies = [
        ('customers', '0001_initial'),
        ('playbooks', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(name='playbook', options={'ordering': ['key']}),
        migrations.AlterField('playbook', 'key', models.SlugField(max_length=40, unique=True)),
        migrations.AlterField('playbook', 'is_on', models.BooleanField(default=True, help_text='Off, nobody enters and runs stand still.')),
        migrations.AddField('playbook', 'note', models.CharField(blank=True, max_length=300, default=''), preserve_default=False),
        migrations.AddField('playbook', 'origin', models.CharField(choices=[('browser', 'made here'), ('file', 'kept in files')], default='browser', help_text='What is kept in files is not changed in the browser until it is detached.', max_length=7)),
        migrations.AddField('playbook', 'created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
        migrations.AddField('playbook', 'created_at', models.DateTimeField(default=_NOW), preserve_default=False),
        migrations.AddField('playbook', 'changed_at', models.DateTimeField(default=_NOW), preserve_default=False),
        migrations.AddField('playbookversion', 'definition', models.JSONField(default=dict, help_text='As rules.told writes it; a draft as somebody left it.')),
        migrations.AddField('playbookversion', 'state', models.CharField(choices=[('draft', 'draft'), ('published', 'published'), ('retired', 'retired')], default='draft', max_length=9)),
        migrations.AddField('playbookversion', 'changed_at', models.DateTimeField(default=_NOW), preserve_default=False),
        migrations.AlterField('playbookversion', 'published_at', models.DateTimeField(null=True)),
        migrations.AddField('playbookversion', 'published_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
        migrations.RenameField('enrolment', 'step', 'step_number'),
        migrations.AddField('enrolment', 'step', models.CharField(max_length=40, default=''), preserve_default=False),
        migrations.AddField('enrolment', 'playbook', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='enrolments', to='playbooks.playbook')),
        migrations.AddField('enrolment', 'occasion', models.CharField(max_length=160, default=''), preserve_default=False),
        migrations.AddField('enrolment', 'lane', models.CharField(blank=True, max_length=160, default=''), preserve_default=False),
        migrations.AddField('enrolment', 'visit', models.PositiveIntegerField(default=1, help_text='The how-manieth step of the run it stands at.')),
        migrations.AddField('enrolment', 'step_since', models.DateTimeField(null=True)),
        migrations.AddField('enrolment', 'rule', models.JSONField(default=dict)),
        migrations.AddField('enrolment', 'trail', models.JSONField(default=list, help_text='[step, visit, result, at]: the newest steps gone through.')),
        migrations.AddField('enrolment', 'leased_until', models.DateTimeField(null=True)),
        migrations.AddField('enrolment', 'claimed_by', models.CharField(blank=True, max_length=60, default=''), preserve_default=False),
        migrations.AddField('enrolment', 'fence', models.PositiveBigIntegerField(default=0)),
        migrations.AddField('enrolment', 'attempts', models.PositiveSmallIntegerField(default=0, help_text='Times a claim of it ended without an answer.')),
        migrations.AddField('enrolment', 'reason', models.CharField(blank=True, help_text='Why it waits, or how it ended.', max_length=30, default=''), preserve_default=False),
        migrations.AlterField('enrolment', 'note', models.CharField(blank=True, help_text='Why it needs attention.', max_length=300)),
        migrations.CreateModel('Refusal', [
            ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ('occasion', models.CharField(max_length=160)),
            ('reason', models.CharField(choices=[('condition', 'the entry condition did not hold'), ('inside', 'inside already'), ('again', 'was inside before'), ('too_often', 'entered too often in a day')], max_length=10)),
            ('at', models.DateTimeField()),
            ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='refusals', to='customers.account')),
            ('playbook', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='refusals', to='playbooks.playbook')),
        ], options={'constraints': [models.UniqueConstraint(fields=('playbook', 'account', 'occasion'), name='refusal_once_an_occasion')]}),
        migrations.CreateModel('Effect', [
            ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ('step', models.CharField(max_length=40)),
            ('visit', models.PositiveIntegerField()),
            ('recipient', models.CharField(blank=True, max_length=80)),
            ('channel', models.CharField(blank=True, max_length=30)),
            ('kind', models.CharField(max_length=30)),
            ('at', models.DateTimeField()),
            ('enrolment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='effects', to='playbooks.enrolment')),
        ], options={'constraints': [models.UniqueConstraint(fields=('enrolment', 'step', 'visit', 'recipient', 'channel'), name='effect_once')]}),
        migrations.CreateModel('Heard', [
            ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ('name', models.CharField(max_length=200)),
            ('key', models.CharField(help_text="Of the event's message id: heard once.", max_length=64, unique=True)),
            ('occurred_at', models.DateTimeField()),
            ('heard_at', models.DateTimeField()),
            ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='customers.account')),
        ], options={'indexes': [models.Index(fields=['account', 'name', 'occurred_at'], name='heard_account_name')]}),
        migrations.CreateModel('Mark', [
            ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ('key', models.CharField(max_length=80, unique=True)),
            ('value', models.JSONField(default=dict)),
        ]),
        migrations.CreateModel('Untold', [
            ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ('name', models.CharField(max_length=60)),
            ('message_id', models.CharField(max_length=120, unique=True)),
            ('account_id', models.BigIntegerField()),
            ('at', models.DateTimeField()),
            ('properties', models.JSONField(default=dict)),
        ]),
    ]
