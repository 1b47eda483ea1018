// Sends through one official client and prints what it was told: {"sent": events, "errors": [texts]}.
"use strict";

const [client, url, key, name, count] = process.argv.slice(2);
const total = Number(count);
const errors = [];
const note = (error) => error && errors.push(String(error.message || error));

const senders = {
  async segment() {
    const { Analytics } = require("@segment/analytics-node");
    const analytics = new Analytics({ writeKey: key, host: url, maxRetries: 2 });
    analytics.on("error", (error) => note(error.reason || error));
    for (let number = 0; number < total; number += 1) {
      analytics.track({
        userId: `user ${number % 10}`,
        event: name,
        properties: { number },
        context: { groupId: `A-${number % 3}` },
      });
    }
    analytics.identify({ userId: "user 1", traits: { email: "one@node.example" } });
    analytics.group({ userId: "user 1", groupId: "A-1", traits: { plan: "pro" } });
    analytics.page({ userId: "user 1", name: "Home" });
    analytics.screen({ userId: "user 1", name: "Start" });
    analytics.alias({ userId: "user 1", previousId: "device" });
    await analytics.closeAndFlush();
    return total + 5;
  },

  async mixpanel() {
    const { hostname, port } = new URL(url);
    const mixpanel = require("mixpanel").init(key, { host: hostname, port, protocol: "http", key: "any" });
    const done = (call) => new Promise((resolve) => call((error) => resolve([].concat(error).forEach(note))));
    for (let number = 0; number < total; number += 1) {
      // The same body again and again: this client sends neither a time nor an id of its own.
      await done((told) => mixpanel.track(name, { distinct_id: "user 1" }, told));
    }
    const event = (number) => ({ event: name, properties: { distinct_id: `user ${number % 10}`, number } });
    await done((told) => mixpanel.track_batch([...Array(total).keys()].map(event), told));
    const old = (number) => ({
      event: name,
      properties: { ...event(number).properties, time: new Date(Date.UTC(2026, 0, 1)), $insert_id: `${name} ${number}` },
    });
    await done((told) => mixpanel.import_batch([...Array(total).keys()].map(old), told));
    await done((told) => mixpanel.import(name, new Date(Date.UTC(2026, 0, 1)), { distinct_id: "user 2" }, told));
    await done((told) => mixpanel.people.set("user 1", { $email: "one@node.example" }, told));
    await done((told) => mixpanel.people.increment("user 1", "seats", 1, told));
    await done((told) => mixpanel.people.increment("user 1", "seats", 1, told));
    await done((told) => mixpanel.groups.set("company", "A-1", { plan: "pro" }, told));
    await done((told) => mixpanel.alias("device", "user 1", told));
    mixpanel.set_config({ verbose: true });
    await done((told) => mixpanel.track(name, { distinct_id: "user 1" }, told));
    return 3 * total + 1 + 5 + 1;
  },

  async posthog() {
    const { PostHog } = require("posthog-node");
    const posthog = new PostHog(key, { host: url, fetchRetryCount: 1 });
    posthog.on("error", note);
    for (let number = 0; number < total; number += 1) {
      posthog.capture({
        distinctId: `user ${number % 10}`,
        event: name,
        properties: { number },
        groups: { company: `A-${number % 3}` },
      });
    }
    posthog.identify({ distinctId: "user 1", properties: { email: "one@node.example" } });
    posthog.groupIdentify({ groupType: "company", groupKey: "A-1", properties: { plan: "pro" } });
    posthog.alias({ distinctId: "device", alias: "user 1" });
    const flags = await posthog.getAllFlags("user 1");
    if (Object.keys(flags).length) note(`flags were made up: ${JSON.stringify(flags)}`);
    await posthog.shutdown();
    return total + 3;
  },
};

senders[client]().then(
  (sent) => console.log(JSON.stringify({ sent, errors })),
  (error) => console.log(JSON.stringify({ sent: 0, errors: [...errors, String(error.stack || error)] })),
);
