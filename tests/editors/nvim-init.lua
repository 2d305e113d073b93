-- A user's init.lua, for the test.
vim.opt.runtimepath:prepend(vim.env.TEST_PLUGIN)
vim.opt.columns = 120
vim.opt.lines = 50

require('futurelens').setup({
  cmd = { vim.env.TEST_SERVER },
  settings = { hints = { awaits = 'all' }, cargo = { extraEnv = {}, features = {} } },
})

vim.api.nvim_create_autocmd('FileType', {
  pattern = 'rust',
  callback = function(event)
    vim.lsp.start({
      name = 'second',
      cmd = vim.split(vim.env.TEST_SECOND, ' '),
      root_dir = vim.fs.dirname(vim.fs.find('Cargo.toml', { upward = true })[1]),
    }, { bufnr = event.buf })
  end,
})
