// As much of VS Code as settings.ts reads: what the user has set, in each place where it can be.

/** @type {Record<'default' | 'global' | 'workspace' | 'workspaceFolder', Record<string, unknown>>} */
export const set = { default: {}, global: {}, workspace: {}, workspaceFolder: {} };

export const workspace = {
  getConfiguration: (section) => ({
    get: (key) => {
      const name = `${section}.${key}`;
      return [set.workspaceFolder, set.workspace, set.global, set.default].find((place) => name in place)?.[name];
    },
    inspect: (key) =>
      Object.fromEntries(Object.entries(set).map(([place, values]) => [`${place}Value`, values[`${section}.${key}`]])),
  }),
};
