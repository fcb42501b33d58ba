/** What `build/variants.ts` makes: the broken cores, loaded when they are first asked for. */
declare module "virtual:variants" {
  type Core = typeof import("../src/microgpt.ts");
  type VariantName = import("./pages/break/variants.ts").VariantName;
  /** By name. */
  export const cores: Readonly<Record<VariantName, () => Promise<Core>>>;
}
