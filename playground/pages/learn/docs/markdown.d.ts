/** What `playground/build/markdown.ts` makes of a document. */
declare module "*.md?document" {
  const document: {
    readonly title: string;
    readonly html: string;
    readonly sections: readonly { readonly id: string; readonly title: string }[];
  };
  export default document;
}
