-- Inside Neovim: once both servers run, their process numbers go into the file TEST_PIDS.
local found = {}
vim.wait(tonumber(vim.env.TEST_PATIENCE) * 1000, function()
  local attached = vim.lsp.get_clients({ bufnr = 0, method = 'textDocument/inlayHint' })
  found = vim.api.nvim_get_proc_children(vim.fn.getpid())
  return #attached == 2 and #found >= 2
end, 50)
assert(#found >= 2, 'both servers are processes of Neovim')
local file = vim.env.TEST_PIDS
vim.fn.writefile(vim.tbl_map(tostring, found), file .. '.new')
vim.fn.rename(file .. '.new', file)
