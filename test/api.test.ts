import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { apiReference, openProject, undocumented } from "../scripts/api-reference.ts";

describe("the public interface", () => {
  const project = openProject();

  test("docs/api.md is what the code exports (npm run docs writes it)", () => {
    expect(readFileSync(new URL("../docs/api.md", import.meta.url), "utf8")).toBe(apiReference(project));
  });

  test("every export of every file, and every member of an exported type, has a doc comment", () => {
    const files = project.getSourceFiles();
    expect(files.length).toBeGreaterThan(100);
    expect(undocumented(files)).toEqual([]);
  });
});
