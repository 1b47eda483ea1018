// Sends events through Segment's client and prints which of them it says are delivered: {"delivered": [ids], "failed": [ids]}.
"use strict";

const [url, key, name, count] = process.argv.slice(2);
const { Analytics } = require("@segment/analytics-node");

const analytics = new Analytics({
  writeKey: key,
  host: url,
  maxRetries: 5,
  maxEventsInBatch: 20,
  flushInterval: 200,
  httpRequestTimeout: 3000,
});
const told = { delivered: [], failed: [] };
analytics.on("error", () => {});

(async () => {
  const waiting = [];
  for (let number = 0; number < Number(count); number += 1) {
    waiting.push(
      new Promise((resolve) => {
        const event = { userId: `user ${number % 10}`, event: name, properties: { number } };
        analytics.track(event, (error, context) => {
          told[error ? "failed" : "delivered"].push(context ? context.event.messageId : "");
          resolve();
        });
      }),
    );
    if (number % 20 === 19) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await Promise.all(waiting);
  await analytics.closeAndFlush({ timeout: 5000 });
  console.log(JSON.stringify(told));
})();
