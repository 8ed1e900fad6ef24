-- Bearer tokens for uploads by HTTP. Only the SHA-256 of a token is kept. camera: a name, or * for any.
CREATE TABLE camera_tokens (
  token_sha256  BLOB PRIMARY KEY,
  camera        TEXT    NOT NULL,
  created_at    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX camera_tokens_by_camera ON camera_tokens (camera, created_at);
