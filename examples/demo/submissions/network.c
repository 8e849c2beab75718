// Expected verdict: runtime error (exit code)
//
// Asks a server for the answer. A connection would end in a wrong answer with code 0; "network is unreachable" is the
// exit code: ENETUNREACH, 101.
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(80)};
  inet_pton(AF_INET, "1.1.1.1", &server.sin_addr);
  int connection = socket(AF_INET, SOCK_STREAM, 0);
  if (connection < 0 || connect(connection, (struct sockaddr *)&server, sizeof server) < 0) {
    int reason = errno;
    perror("connect");
    return reason;
  }
  puts("connected");
  return 0;
}
