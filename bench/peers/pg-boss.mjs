// pg-boss: `insert` of a batch, `fetch` with `batchSize`, `complete` of a batch.
import { PgBoss } from "pg-boss";

import { content, serve } from "./commands.mjs";

const boss = new PgBoss({}); // PGHOST, PGPORT, … name the database
await boss.start();
await boss.createQueue("orders");

await serve({
  async enqueue(batch, times) {
    for (let nth = 0; nth < times; nth++) {
      await boss.insert("orders", Array.from({ length: batch }, () => ({ data: content })));
    }
  },
  async dequeue(batch, times) {
    for (let nth = 0; nth < times; nth++) {
      const jobs = await boss.fetch("orders", { batchSize: batch });
      if (jobs.length !== batch) throw new Error("the queue has too few jobs");
      await boss.complete("orders", jobs.map((job) => job.id));
    }
  },
});
await boss.stop({ graceful: false });
