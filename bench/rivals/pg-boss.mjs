// pg-boss: `insert` of many, `fetch` with a batch size, `complete` of as many.
import { PgBoss } from "pg-boss";

import { answer, content } from "./commands.mjs";

const boss = new PgBoss({}); // where the database is, say PGHOST and its like;
await boss.start();
await boss.createQueue("orders");

await answer({
  async enqueue(batch, times) {
    for (let nth = 0; nth < times; nth++) {
      await boss.insert("orders", Array.from({ length: batch }, () => ({ data: content })));
    }
  },
  async dequeue(batch, times) {
    for (let nth = 0; nth < times; nth++) {
      const jobs = await boss.fetch("orders", { batchSize: batch });
      if (jobs.length !== batch) throw new Error("the queue has run dry");
      await boss.complete("orders", jobs.map((job) => job.id));
    }
  },
});
await boss.stop({ graceful: false });
