/** The worker that trains: to be written (session.ts). */
postMessage(null);
